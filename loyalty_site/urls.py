"""The doors: console, API, till, health pages; everything else is the members'."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from loyalty_site import health, pictures

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema"),
        name="api-docs",
    ),
    path("till/", include("till.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    re_path(
        r"^pictures/([0-9a-f]{64})-(card|thumbnail)\.webp$", pictures.show, name="picture"
    ),
    path("", include("portal.urls")),
]

handler400 = "loyalty_site.errors.bad_request"
handler403 = "loyalty_site.errors.forbidden"
handler404 = "loyalty_site.errors.not_found"
handler500 = "loyalty_site.errors.server_error"
