"""Tries `outrider schema` with a validator of JSON Schema: it accepts each FILE, and refuses no
configuration that `outrider check` takes. Usage: schema.py OUTRIDER [MISTAKES.jsonl] FILE..."""
import json
import re
import subprocess
import sys

import jsonschema
import yaml


def check(outrider, text):
    return subprocess.run([outrider, "check", "-"], input=text, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def main():
    outrider, files = sys.argv[1], sys.argv[2:]
    schema = json.loads(subprocess.check_output([outrider, "schema"]))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    wrong = refused = mistaken = 0
    for file in files:
        text = open(file, encoding="utf-8").read()
        if not file.endswith(".jsonl"):
            if not re.search("^version:", text, re.MULTILINE):
                continue  # another program's
            for error in validator.iter_errors(yaml.safe_load(text)):
                print(f"{file}: {error.json_path}: {error.message}")
                wrong += 1
            continue
        for line in text.splitlines():
            case = json.loads(line)
            try:
                errors = list(validator.iter_errors(yaml.safe_load(case["yaml"])))
            except (yaml.YAMLError, ValueError):
                continue
            is_valid = check(outrider, case["yaml"])
            if is_valid and errors:
                print(f"{case['title']}: refused: {errors[0].json_path}: {errors[0].message}")
                wrong += 1
            mistaken += not is_valid
            refused += bool(errors) and not is_valid
    print(f"{refused} of {mistaken} mistakes seen")
    return wrong > 0


sys.exit(main())
