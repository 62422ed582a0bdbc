from django.contrib import admin
from unfold.decorators import display

from core.admin_tools import ConsoleAdmin
from core.picture_fields import PictureUploads, picture_preview
from tests.shelf.models import Poster


@admin.register(Poster)
class PosterAdmin(PictureUploads, ConsoleAdmin):
    list_display = ("title", "preview")

    @display(description="hình")
    def preview(self, poster: Poster) -> str:
        return picture_preview(poster.picture_id, alt=poster.title)
