"""Ids that look random and are not: the same conversation gives the same ids every time."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class Ids:
    """A counter, hashed. Two simulators with the same seed hand out the same ids."""

    seed: str = "depot"
    count: int = 0

    def short(self) -> str:
        """Ten characters `[0-9a-z]`, as organisations, runs, workflows, jobs and attempts have."""
        number = int.from_bytes(self._digest(), "big")
        letters = []
        for _ in range(10):
            number, index = divmod(number, 36)
            letters.append(_ALPHABET[index])
        return "".join(letters)

    def uuid(self) -> str:
        """A UUID, as sandbox sessions have."""
        return str(UUID(bytes=self._digest()[:16], version=4))

    def uuid7(self, now: float) -> str:
        """A UUID that begins with the time, as artifacts have."""
        raw = bytearray(int(now * 1000).to_bytes(6, "big") + self._digest()[:10])
        raw[6] = 0x70 | raw[6] & 0x0F
        raw[8] = 0x80 | raw[8] & 0x3F
        return str(UUID(bytes=bytes(raw)))

    def _digest(self) -> bytes:
        self.count += 1
        return hashlib.sha256(f"{self.seed}:{self.count}".encode()).digest()
