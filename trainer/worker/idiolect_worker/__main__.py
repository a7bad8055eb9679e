"""`python -m idiolect_worker`: JSON lines on standard input and output, protocol in trainer/worker/protocol.ts."""

import os
import signal
import sys

from .channel import Channel


def main() -> None:
    channel = Channel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the trainer too, which sends a cancel
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", ORT_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false")
    from .session import converse

    converse(sys.stdin.buffer, channel.send)


if __name__ == "__main__":
    main()
