"""usage: manifests.py DEPLOY_DIR HOLDFASTD

Checks tools/deploy/kubernetes against the schemas of Kubernetes, and what no schema knows: that names
which refer to each other are the same, that image and manifests agree, that holdfastd takes the options.
"""

import pathlib
import re
import subprocess
import sys

import kubernetes_validate
import yaml

VERSIONS = ["1.27", "1.31", "1.37"]
deploy, holdfastd = pathlib.Path(sys.argv[1]), sys.argv[2]
folder = deploy / "kubernetes"
wrong = []


def expect(true, what):
    if not true:
        wrong.append(what)


documents = []
for file in sorted(folder.glob("*.yaml")):
    for document in yaml.safe_load_all(file.read_text()):
        documents.append((file.name, document))

# kubectl knows the kinds of its own; a Kustomization and a ServiceMonitor are others'.
for name, document in documents:
    if document["apiVersion"].split("/")[0] in ("kustomize.config.k8s.io", "monitoring.coreos.com"):
        continue
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{name}: not for Kubernetes {version}: {error.message}")

by_kind = {}
for _, document in documents:
    by_kind.setdefault(document["kind"], []).append(document)
kustomization = by_kind["Kustomization"][0]
stateful = by_kind["StatefulSet"][0]
pod = stateful["spec"]["template"]
spec = pod["spec"]
container = spec["containers"][0]
ports = {port["name"]: port["containerPort"] for port in container["ports"]}

listed = set(kustomization["resources"])
files = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
expect(listed == files - {"service-monitor.yaml"}, f"kustomization.yaml lists {listed}, there are {files}")

# Whoever selects the pod does.
labels = pod["metadata"]["labels"].items()
for selector in (
    stateful["spec"]["selector"]["matchLabels"],
    *(service["spec"]["selector"] for service in by_kind["Service"]),
    by_kind["NetworkPolicy"][0]["spec"]["podSelector"]["matchLabels"],
    by_kind["PodDisruptionBudget"][0]["spec"]["selector"]["matchLabels"],
):
    expect(selector.items() <= labels, f"{selector} does not select the pod")
for service in by_kind["Service"]:
    for port in service["spec"]["ports"]:
        expect(ports.get(port["targetPort"]) == port["port"], f"service port {port} is none of the pod's")
for rule in by_kind["NetworkPolicy"][0]["spec"]["ingress"]:
    for port in rule["ports"]:
        expect(port["port"] in ports, f"network policy: {port} is no port of the pod")
monitored = by_kind["ServiceMonitor"][0]["spec"]
matching = [
    service
    for service in by_kind["Service"]
    if monitored["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    and any(port["name"] == monitored["endpoints"][0]["port"] for port in service["spec"]["ports"])
]
expect(len(matching) == 1, "the ServiceMonitor does not name one port of one service")

mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
volumes = {volume["name"] for volume in spec["volumes"]}
volumes |= {claim["metadata"]["name"] for claim in stateful["spec"]["volumeClaimTemplates"]}
expect(set(mounts) == volumes, f"mounted are {set(mounts)}, there are {volumes}")
expect(spec.get("enableServiceLinks") is False, "service links would set HOLDFAST_ variables")
expect(spec.get("terminationGracePeriodSeconds", 30) >= 90, "the unit gives more time to end")
expect(container["securityContext"].get("readOnlyRootFilesystem"), "the root file system can be written")

# Where the configuration is, and what it names.
projected = next(volume for volume in spec["volumes"] if volume["name"] == "configuration")["projected"]
there = {mounts["configuration"] + "/holdfastd.toml"}
for source in projected["sources"]:
    for item in source.get("secret", {}).get("items", []):
        there.add(f'{mounts["configuration"]}/{item["path"]}')
    if "configMap" in source:
        names = [generated["name"] for generated in kustomization["configMapGenerator"]]
        expect(source["configMap"]["name"] in names, "the configuration is no generated ConfigMap")
toml = (folder / "holdfastd.toml").read_text()
settings = dict(re.findall(r'^([a-z-]+) = "?(.*?)"?$', toml, re.MULTILINE))
for key in ("tokens", "tls-cert", "tls-key"):
    expect(settings[key] in there, f"{key} names {settings[key]}, there are {sorted(there)}")
expect(settings["data-dir"].startswith(mounts["store"] + "/"), "the store is not on its volume")
expect(mounts["socket"] in settings["listen"], "the socket is not on its volume")
expect(f':{ports["rpc"]}"' in settings["listen"], "the port of RPC is another one")
expect(settings["http"].endswith(f':{ports["http"]}'), "the port of HTTP is another one")
for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
    probe = container[kind]["httpGet"]
    expect(probe["port"] in ports and probe["scheme"] == "HTTPS", f"{kind}: {probe}")

# The image.
dockerfile = (deploy / "docker" / "Dockerfile").read_text()
user = spec["securityContext"]["runAsUser"]
expect(f"USER {user}:{user}" in dockerfile, "image and pod have different users")
expect(spec["securityContext"]["fsGroup"] == user, "the volume's group is not the user's")
expect("COPY tools/deploy/kubernetes/holdfastd.toml /etc/holdfast/" in dockerfile, "the image has another configuration")
expect(f"VOLUME {mounts['store']}" in dockerfile, "image and pod have different volumes")

# Options.
known = set(re.findall(r"--([a-z][a-z0-9-]+)", subprocess.run([holdfastd, "--help"], capture_output=True, text=True, check=True).stdout))
for file in (folder / "holdfastd.toml", deploy / "systemd" / "holdfastd.toml"):
    for key in re.findall(r"^(?:# )?([a-z-]+) = ", file.read_text(), re.MULTILINE):
        expect(key in known, f"{file.name}: holdfastd has no option --{key}")

for what in wrong:
    print(what)
print(f"{len(documents)} manifests, {len(wrong)} faults")
sys.exit(bool(wrong))
