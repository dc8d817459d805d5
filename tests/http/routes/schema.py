"""JSON Schema, as much of it as the OpenAPI document uses; stricter in one thing: what an object
has must be described."""


class Schemas:
    def __init__(self, document):
        self.document = document

    def resolve(self, schema):
        while "$ref" in schema:
            target = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        return schema

    def problems(self, schema, value, where="answer", closed=True):
        """What is wrong with the value, as a list of sentences."""
        schema = self.resolve(schema)
        found = []
        known = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
                 "number": (int, float), "null": type(None)}
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        if types and not any(
                isinstance(value, known[one]) and not (isinstance(value, bool) and one != "boolean")
                for one in types):
            return [f"{where} is {value!r}, no {'/'.join(types)}"]
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{where} is {value!r}, none of {schema['enum']}")
        number = isinstance(value, (int, float))  # where a text is allowed too, these are not for it
        if number and "minimum" in schema and value < schema["minimum"]:
            found.append(f"{where} is {value}, below {schema['minimum']}")
        if number and "maximum" in schema and value > schema["maximum"]:
            found.append(f"{where} is {value}, above {schema['maximum']}")
        if isinstance(value, dict):
            found += self.problems_of_object(schema, value, where, closed)
        if isinstance(value, list) and "items" in schema:
            for place, item in enumerate(value):
                found += self.problems(schema["items"], item, f"{where}[{place}]")
        for alternatives in ("oneOf", "anyOf"):
            if alternatives in schema and all(
                    self.problems(one, value, where, False) for one in schema[alternatives]):
                found.append(f"{where} fits none of {alternatives}")
        return found

    def problems_of_object(self, schema, value, where, closed):
        found = [f"{where} has no {name}" for name in schema.get("required", []) if name not in value]
        for part in schema.get("allOf", []):
            found += self.problems(part, value, where, False)
        properties = self.properties(schema)
        rest = schema.get("additionalProperties", {} if not properties else None)
        for name, one in value.items():
            if name in schema.get("properties", {}):
                found += self.problems(schema["properties"][name], one, f"{where}.{name}")
            elif name in properties:
                continue
            elif isinstance(rest, dict):
                found += self.problems(rest, one, f"{where}.{name}")
            elif closed:
                found.append(f"{where} has {name}, which is not described")
        return found

    def properties(self, schema):
        schema = self.resolve(schema)
        names = set(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            names |= self.properties(part)
        return names
