// What look-ups ask and answer, as JSON Schema.
#pragma once

#include <string_view>

namespace holdfast::http {

inline constexpr std::string_view kLookupBodySchema = R"({"type":"object","properties":{
"tokens":{"type":"array","maxItems":4194304,"items":{"type":"integer","minimum":0,"maximum":4294967295},
  "description":"the prompt; or hashes"},
"hashes":{"type":"array","maxItems":65536,"items":{"$ref":"#/components/schemas/Hash"},
  "description":"of its chunks, from the first on"},
"model":{"type":"string","maxLength":256,"description":"left out: the controller's default"},
"eventId":{"type":"string","maxLength":256,"description":"comes back; equal ones order equal instances alike"},
"loraName":{"type":"string","maxLength":4096,"description":"the adapter that the prompt is for; left out: none"},
"loraPath":{"type":"string","maxLength":4096,"description":"where the engines loaded it from; vLLM hashes it as well"},
"cacheSalt":{"type":"string","maxLength":4096,"description":"that the engines hash with it; left out: none"},
"withPins":{"type":"boolean","default":false,"description":"say how much of each prefix is pinned"},
"withoutEndpoints":{"type":"boolean","default":false,"description":"for who knows where instances are: a shorter answer"},
"maxInstances":{"type":"integer","minimum":0,"maximum":4294967295,"default":0,
  "description":"answer with the best ones only; 0: with all"},
"maxAgeMs":{"type":"integer","minimum":0,"maximum":4294967295,"default":0,
  "description":"a controller whose ageMs is higher answers 503; 0: any"}},
"additionalProperties":false,
"oneOf":[{"required":["tokens"]},{"required":["hashes"]}]})";

inline constexpr std::string_view kHashSchema = R"({"anyOf":[
{"type":"integer","minimum":-9223372036854775808,"maximum":18446744073709551615},
{"type":"string","pattern":"^-?[0-9]+$"}],
"description":"64 bits: a number, a negative one in two's complement, or either as a string"})";

inline constexpr std::string_view kEndpointSchema = R"({"type":"object",
"required":["ip","port","peerInitUrl","labels"],"properties":{
"ip":{"type":"string"},"port":{"type":"integer"},"peerInitUrl":{"type":"string"},
"labels":{"type":"object","additionalProperties":{"type":"string"}}},
"description":"where the instance is reached and what it says of itself"})";

inline constexpr std::string_view kLookupAnswerSchema = R"({"type":"object",
"required":["layoutInfo","leftOut","miss","message","role","epoch","index","ageMs"],"properties":{
"eventId":{"type":"string"},
"layoutInfo":{"type":"array","description":"every instance with at least the first chunk, best first",
 "items":{"type":"object","required":["instanceId","location","matchedEnd","allRanksEnd","matchedChunks",
  "allRanksChunks","unconfirmed","hits"],"properties":{
 "instanceId":{"type":"string"},
 "location":{"type":"string","description":"that holds most of the matched chunks"},
 "matchedEnd":{"type":"integer","description":"tokens of the longest prefix that one rank holds"},
 "allRanksEnd":{"type":"integer","description":"tokens that every rank holds"},
 "matchedChunks":{"type":"integer"},"allRanksChunks":{"type":"integer"},
 "pinnedEnd":{"type":"integer","description":"withPins: tokens of it that are pinned"},
 "pinnedChunks":{"type":"integer"},
 "unconfirmed":{"type":"boolean","description":"recovered after a restart, not registered since"},
 "hits":{"type":"object","additionalProperties":{"type":"integer"},
  "description":"chunks of the best rank by location"},
 "load":{"type":"integer","description":"thousandths that its ranks state; left out: none does"},
 "endpoint":{"$ref":"#/components/schemas/Endpoint"}}}},
"leftOut":{"type":"integer","description":"instances that match and are not listed"},
"miss":{"type":"string","description":"why nobody is listed",
 "enum":["none","noChunk","unknownModel","notHeld","hidden","hashingDiffers","cannotHash"]},
"message":{"type":"string","description":"the same for people; empty with none"},
"hidden":{"type":"object","required":["drained","lost","diverged"],
 "description":"of a miss: holders of the first chunk that are not named",
 "properties":{"drained":{"type":"integer"},"lost":{"type":"integer"},"diverged":{"type":"integer"}}},
"role":{"type":"string",
 "enum":["alone","bootstrapping","follower","candidate","leader","cutOff"],
 "description":"of who answers, in its group of controllers"},
"epoch":{"type":"integer","description":"of the newest leader that it knows of"},
"index":{"type":"integer","description":"last frame of the group's log that it has"},
"ageMs":{"type":"integer","description":"since the newest record of the log came; 0: it leads, or is alone"}}})";

inline constexpr std::string_view kLookupsBodySchema = R"({"type":"object","required":["lookups"],
"properties":{"lookups":{"type":"array","maxItems":1024,
"items":{"$ref":"#/components/schemas/Lookup"},
"description":"together at most as much as one look-up may have"}},"additionalProperties":false})";

inline constexpr std::string_view kLookupsAnswerSchema = R"({"type":"object","required":["answers"],
"properties":{"answers":{"type":"array","items":{"$ref":"#/components/schemas/LookupAnswer"},
"description":"in the order of the look-ups"}}})";

}  // namespace holdfast::http
