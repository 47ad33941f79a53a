"""What waits in AWS for a record that is asked for."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task of Step Functions, or, where `pipeline` is named, an approval action of CodePipeline.

    `token` is what lets its holder answer: a credential, which no log and no message shows.
    """

    token: str = field(repr=False)
    pipeline: str = ""
    stage: str = ""
    action: str = ""
