"""A picture as a column of a model, as a field of a form, and in the console.

    class Reward(models.Model):
        picture = PictureKey(verbose_name=_("picture"))

    class RewardAdmin(PictureUploads, ConsoleAdmin): ...

That is all: the form shows the present picture, takes a new one or removes it, and saves
it together with the row.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from core.models import Picture
from core.pictures import (
    PictureRefused,
    keep_picture,
    picture_address,
    prepare_picture,
)


class PictureKey(models.ForeignKey):
    """The picture that a row shows, or none; its column holds the picture's digest."""

    def __init__(
        self, to: Any = Picture, on_delete: Any = models.PROTECT, **options: Any
    ) -> None:
        options.setdefault("null", True)
        options.setdefault("blank", True)
        options.setdefault("related_name", "+")
        super().__init__(to, on_delete, **options)

    def formfield(self, **kwargs: Any) -> Any:
        # What a list of pictures to choose from would need is of no use here.
        return PictureField(
            required=not self.blank,
            label=capfirst(self.verbose_name),
            **({"help_text": self.help_text} if self.help_text else {}),
        )

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        # A digest says that the picture stays as it was.
        if not isinstance(data, str):
            super().save_form_data(instance, data)

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        if self._new_picture(model_instance) is None:
            super().validate(value, model_instance)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Save the picture before the row that shows it."""
        if picture := self._new_picture(model_instance):
            keep_picture(picture)
        return super().pre_save(model_instance, add)

    def _new_picture(self, instance: models.Model | None) -> Picture | None:
        """Return the row's picture if it was prepared and is not in the database yet."""
        if instance is None or not self.is_cached(instance):
            return None
        picture: Any = self.get_cached_value(instance)
        return picture if picture is not None and picture._state.adding else None


class LostUpload:
    """A good file in a form that was refused for something else; what is shown still."""

    def __init__(self, digest: str) -> None:
        self.digest = digest


class PictureWidget(forms.ClearableFileInput):
    """The present picture, a file to replace it, a box to remove it."""

    template_name = "admin/widgets/picture.html"

    class Media:
        js = ("js/admin/picture.js",)

    def is_initial(self, value: Any) -> bool:
        return bool(value)

    def get_context(
        self, name: str, value: Any, attrs: dict[str, Any] | None
    ) -> dict[str, Any]:
        # A browser never sends a chosen file twice by itself.
        is_lost = isinstance(value, LostUpload)
        digest = value.digest if isinstance(value, LostUpload) else value
        context = super().get_context(name, digest, attrs)
        context["is_lost"] = is_lost
        context["address"] = picture_address(digest, "thumbnail") if digest else ""
        return context

    def render(
        self, name: str, value: Any, attrs: Any = None, renderer: Any = None
    ) -> SafeString:
        # Forms look for widgets' templates inside apps only; ours stands with the others.
        return render_to_string(self.template_name, self.get_context(name, value, attrs))


class PictureField(forms.FileField):
    """A picture to upload: cleans to a prepared Picture, to None when it was removed, or
    to the digest that was there when nothing was sent. The database is not asked."""

    widget = PictureWidget

    def __init__(self, **options: Any) -> None:
        options.setdefault(
            "help_text",
            _(
                "JPEG, PNG or WebP, at least 400 × 300 pixels. Shown as 4:3: a photo is "
                "cut around its middle, a product on white is shown whole."
            ),
        )
        super().__init__(**options)
        # A telephone then offers its photos, and sends those of its own format as JPEG.
        self.widget.attrs["accept"] = "image/jpeg,image/png,image/webp"

    def to_python(self, data: Any) -> Any:
        if data in self.empty_values:
            return None
        try:
            return picture_of(data)
        except PictureRefused as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from refusal

    def clean(self, data: Any, initial: Any = None) -> Any:
        return super().clean(data, initial) or None

    def bound_data(self, data: Any, initial: Any) -> Any:
        is_good = isinstance(getattr(data, "picture", None), Picture)
        return LostUpload(initial or "") if is_good else initial


def picture_of(upload: Any) -> Picture:
    """Prepare an upload's picture, or raise PictureRefused; the second call remembers."""
    made = getattr(upload, "picture", None)
    if made is None:
        try:
            made = prepare_picture(content=upload, at=timezone.now())
        except PictureRefused as refusal:
            made = refusal
        upload.picture = made
    if isinstance(made, PictureRefused):
        raise made
    picture: Picture = made
    return picture


class PictureUploads:
    """For console pages, and rows on them, whose model has a PictureKey.

    The console saves a form within one transaction, and no picture may be worked on while
    one is open; so that is done before.
    """

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if isinstance(db_field, PictureKey):
            return db_field.formfield()
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        page: Any = self
        if page.has_add_permission(request) or page.has_change_permission(request):
            for upload in request.FILES.values():
                with suppress(PictureRefused):
                    picture_of(upload)
        return super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]


def picture_preview(digest: str | None, alt: str = "") -> SafeString:
    """Show a picture in a list of the console; an empty frame where there is none."""
    if not digest:
        return format_html('<span class="{}"></span>', "console-thumbnail")
    return format_html(
        '<img class="console-thumbnail" src="{}" alt="{}" loading="lazy" width="64" '
        'height="48">',
        picture_address(digest, "thumbnail"),
        alt,
    )
