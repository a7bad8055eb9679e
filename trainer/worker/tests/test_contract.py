import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent


@pytest.mark.skipif(importlib.util.find_spec("datamodel_code_generator") is None, reason="requirements-dev.lock is not installed")
def test_contract_is_generated_from_the_schema(tmp_path: Path) -> None:
    from generate_contract import generate

    generate(tmp_path / "contract.py")
    assert (tmp_path / "contract.py").read_text() == (FOLDER / "idiolect_worker" / "contract.py").read_text(), "run generate-contract.ts"
