"""What names an alert of Prometheus: a hash of its labels."""

from collections.abc import Mapping

_OFFSET, _PRIME, _BITS = 14695981039346656037, 1099511628211, (1 << 64) - 1


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """Return the fingerprint that Alertmanager gives to these labels: FNV-1a, as in its library `common/model`."""
    total = _OFFSET
    for name, value in sorted(labels.items()):
        for byte in name.encode("utf-8", "replace") + b"\xff" + value.encode("utf-8", "replace") + b"\xff":
            total = (total ^ byte) * _PRIME & _BITS
    return f"{total:016x}"
