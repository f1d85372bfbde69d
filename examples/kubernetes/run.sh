#!/bin/sh
# The manifests are well-formed YAML, and the configuration in the ConfigMap is valid.
. "$(dirname "$0")/../common.sh"

sed -n '/^  outrider.yaml: |/,$ { s/^    //p }' examples/kubernetes/configmap.yaml >"$DIR/outrider.yaml"
"$OUTRIDER" check "$DIR/outrider.yaml" | sed "s|$DIR/||" || fail "the ConfigMap's configuration is not valid"

if python3 -c 'import yaml' 2>/dev/null; then
  python3 - examples/kubernetes/*.yaml <<'PYTHON' || fail "a manifest is not what Kubernetes expects"
import sys, yaml
for path in sys.argv[1:]:
    for manifest in yaml.safe_load_all(open(path)):
        assert manifest["apiVersion"] and manifest["kind"] and manifest["metadata"]["name"], path
        pod = manifest.get("spec", {}).get("template", {}).get("spec")
        if pod:
            sidecar = pod["initContainers"][0]
            assert sidecar["restartPolicy"] == "Always", path
            ports = {port["name"] for port in sidecar["ports"]}
            assert sidecar["readinessProbe"]["httpGet"]["port"] in ports, path
            mounted = {mount["name"] for mount in sidecar["volumeMounts"]}
            assert mounted <= {volume["name"] for volume in pod["volumes"]}, path
        print("  " + manifest["kind"] + " " + manifest["metadata"]["name"])
PYTHON
else
  echo "  python3-yaml is not here: the manifests were not read"
fi
