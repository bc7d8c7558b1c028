"""The settings of telephony; the module `settings` reads them from the environment."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field
from pydantic_settings import NoDecode

from telephony.jambonz.settings import REQUESTS_PER_SECOND, JambonzSettings
from telephony.rotary.settings import RotarySettings
from telephony.simulator.settings import SimulatorSettings


class ProviderName(StrEnum):
    SIMULATOR = "simulator"
    JAMBONZ = "jambonz"
    ROTARY = "rotary"


class TelephonySettings(BaseModel):
    """The provider that was chosen, and the settings of each; NoDecode keeps one from being given as JSON."""

    provider: ProviderName = ProviderName.SIMULATOR
    provider_requests_per_second: Annotated[float, Field(ge=0, le=10_000)] | None = None
    """Of one worker: dials, look-ups, hang-ups together. 0 is unlimited, unset the provider's default."""
    dial_timeout_seconds: Annotated[float, Field(gt=0, le=15)] = 12
    """How long the provider may take to answer a dial; longer makes the dial ambiguous."""

    sim: Annotated[SimulatorSettings, NoDecode] = SimulatorSettings()
    rotary: Annotated[RotarySettings, NoDecode] = RotarySettings()
    jambonz: Annotated[JambonzSettings, NoDecode] = JambonzSettings()

    def can_speak_for(self, agent_id: str) -> bool:
        """Tell whether the provider knows what an agent's answered calls run, as far as settings say."""
        return self.provider is not ProviderName.JAMBONZ or self.jambonz.can_speak_for(agent_id)

    @property
    def requests_per_second(self) -> float:
        """The limit of one worker; 0 is unlimited."""
        if self.provider_requests_per_second is not None:
            return self.provider_requests_per_second
        return REQUESTS_PER_SECOND if self.provider is ProviderName.JAMBONZ else 0
