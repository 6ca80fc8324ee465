"""The environment, read once."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.clock import Clock


class Settings(BaseSettings):
    """What the service is told by its environment; `docs/operations.md` lists each variable."""

    model_config = SettingsConfigDict(env_prefix="MEISU_", frozen=True)

    database_url: str | None = Field(None, validation_alias="DATABASE_URL")
    owner_database_url: str | None = None
    redis_url: str | None = Field(None, validation_alias="REDIS_URL")
    data: Path = Path(".meisu")
    public_url: str = "http://127.0.0.1:8000"
    admin_password: str | None = Field(None, repr=False)
    clock: str | None = None
    body_limit_bytes: int = 4 * 1024 * 1024
    upload_limit_bytes: int = 20 * 1024 * 1024
    pool_size: int = 16

    @field_validator("clock")
    @classmethod
    def _tells_the_time(cls, setting: str | None) -> str | None:
        Clock(setting)
        return setting
