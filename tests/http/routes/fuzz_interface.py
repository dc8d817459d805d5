#!/usr/bin/env python3
"""Has schemathesis ask a live controller whatever its OpenAPI document allows, and what it does not:
no answer may be a 5xx, or one that is not documented, or of another form than the document says.

usage: fuzz_interface.py SCHEMATHESIS HOLDFASTD HOLDFAST_FLEET
HOLDFAST_EXAMPLES=n: requests of each route and phase; HOLDFAST_SEED=n repeats a run.
"""

import os
import subprocess
import sys

sys.dont_write_bytecode = True  # the tree stays as it is
from controller import Controller

CHECKS = ("not_a_server_error,status_code_conformance,content_type_conformance,"
          "response_headers_conformance,response_schema_conformance,negative_data_rejection,"
          "unsupported_method,ignored_auth")


def main():
    with Controller(sys.argv[2], sys.argv[3]) as controller:
        command = [
            sys.argv[1], "run", f"http://127.0.0.1:{controller.port}/openapi.json",
            "--header", "Authorization: Bearer " + controller.tokens["operator"],
            "--checks", CHECKS,
            # A stream does not end; walk.py reads it.
            "--exclude-path", "/v1/watch",
            # They answer 500 where LMCache does; walk.py asks them.
            "--exclude-path-regex", "^/(clear|pin|compress|decompress|move|health)$",
            "--max-examples", os.environ.get("HOLDFAST_EXAMPLES", "50"),
            "--suppress-health-check", "all",
            "--request-timeout", "30", "--warnings", "off",
        ]
        if "HOLDFAST_SEED" in os.environ:
            command += ["--seed", os.environ["HOLDFAST_SEED"]]
        code = subprocess.run(command, cwd=controller.folder, check=False).returncode
        if controller.processes[0].poll() is not None:
            print(f"FAILED: the controller has ended\n{controller.log()[-4000:]}")
            return 1
        return code


if __name__ == "__main__":
    sys.exit(main())
