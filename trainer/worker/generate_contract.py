"""contract.schema.json → idiolect_worker/contract.py: `python generate_contract.py [OUTPUT]`, with requirements-dev.lock installed."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def generate(output: Path) -> None:
    options = [
        *("--input", "contract.schema.json", "--input-file-type", "jsonschema", "--output", str(output)),
        *("--output-model-type", "dataclasses.dataclass", "--frozen-dataclasses", "--keyword-only"),
        *("--target-python-version", "3.11", "--use-union-operator", "--use-standard-collections", "--enum-field-as-literal", "all"),
        *("--custom-file-header", '"""Generated from trainer/worker/protocol.ts by generate-contract.ts: do not edit."""', "--disable-timestamp"),
        *("--formatters", "ruff-check", "ruff-format"),
    ]
    subprocess.run([sys.executable, "-m", "datamodel_code_generator", *options], cwd=FOLDER, check=True)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER / "idiolect_worker" / "contract.py")
