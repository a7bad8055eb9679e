"""Which function does which task. Libraries load with the first task that needs them: `hello` should not wait for them."""

from .contract import Converted, ConvertTask, Imported, ImportTask, ParityTask, Shape
from .control import TaskControl
from .messages import FromWorker, Task


def run_task(task: Task, control: TaskControl) -> FromWorker:
    if isinstance(task, ImportTask):
        from .import_base import import_base

        architecture = import_base(task, control)
        shape = Shape(
            layers=architecture.layers,
            heads=architecture.heads,
            keyValueHeads=architecture.key_value_heads,
            headDimension=architecture.head_dimension,
            hidden=architecture.hidden,
            intermediate=architecture.intermediate,
            vocabulary=architecture.vocabulary,
        )
        return Imported(type="imported", family=architecture.family, shape=shape)
    if isinstance(task, ConvertTask):
        from .graph import convert

        nodes, size = convert(task, control)
        return Converted(type="converted", nodes=nodes, bytes=size)
    if isinstance(task, ParityTask):
        from .parity import parity

        return parity(task, control)
    from .tune import tune

    return tune(task, control)
