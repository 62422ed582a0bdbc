"""A model that shows a picture, for tests of what every such model can do."""

from __future__ import annotations

from django.db import models
from simple_history.models import HistoricalRecords

from core.picture_fields import PictureKey


class Poster(models.Model):
    title = models.CharField("tên", max_length=40)
    picture = PictureKey(verbose_name="hình")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "áp phích"
        verbose_name_plural = "áp phích"

    def __str__(self) -> str:
        return self.title
