"""A Django site in one file, run by the servers' own environment: two REST views with token login, and one GraphQL schema.

    python django_site.py <folder> <port>

The folder holds records.json ({"incidents": [...], "requests": [...]}), and takes the database. Imports nothing of the pipeline.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

FOLDER = Path(sys.argv[1])

settings.configure(
    SECRET_KEY="only-for-tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "rest_framework.authtoken"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "site.sqlite3"}},
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, pagination, serializers  # noqa: E402
from rest_framework.authtoken.views import obtain_auth_token  # noqa: E402


class Incident(models.Model):
    number = models.CharField(max_length=20, unique=True)
    hazard = models.CharField(max_length=40)
    severity = models.CharField(max_length=20)
    onset = models.DateTimeField()
    response = models.DateTimeField(null=True)
    houses = models.IntegerField()
    loss = models.DecimalField(max_digits=18, decimal_places=2, null=True)

    class Meta:
        app_label = "site"


class Request(models.Model):
    number = models.IntegerField(unique=True)
    service = models.CharField(max_length=10)
    status = models.CharField(max_length=20)
    requested = models.DateTimeField()
    updated = models.DateTimeField()
    closed = models.DateTimeField(null=True)
    text = models.TextField()
    anonymous = models.BooleanField()

    class Meta:
        app_label = "site"


class IncidentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Incident
        exclude = ["id"]


class RequestSerializer(serializers.ModelSerializer):
    class Meta:
        model = Request
        exclude = ["id"]


class Pages(pagination.PageNumberPagination):
    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 60


class Cursor(pagination.CursorPagination):
    page_size = 45
    ordering = ("updated", "number")


class Incidents(generics.ListAPIView):
    queryset = Incident.objects.order_by("id")
    serializer_class = IncidentSerializer
    pagination_class = Pages


class Requests(generics.ListCreateAPIView):
    serializer_class = RequestSerializer
    pagination_class = Cursor

    def get_queryset(self) -> Any:
        since = self.request.query_params.get("since")
        found = Request.objects.all()
        return found.filter(updated__gte=since) if since else found


class OneRequest(generics.DestroyAPIView):
    queryset = Request.objects.all()
    serializer_class = RequestSerializer
    lookup_field = "number"


import strawberry  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from strawberry import relay  # noqa: E402
from strawberry.django.views import GraphQLView  # noqa: E402


@strawberry.type(name="Incident")
class IncidentNode(relay.Node):
    key: relay.NodeID[int]
    number: str
    hazard: str
    severity: str
    onset: str
    response: str | None
    houses: int
    loss: str | None


@strawberry.type
class Query:
    @relay.connection(relay.ListConnection[IncidentNode])
    def incidents(self) -> Iterable[IncidentNode]:
        return [
            IncidentNode(
                key=one.pk, number=one.number, hazard=one.hazard, severity=one.severity, onset=one.onset.isoformat(),
                response=one.response and one.response.isoformat(), houses=one.houses,
                loss=None if one.loss is None else str(one.loss),
            )
            for one in Incident.objects.order_by("id")
        ]  # fmt: skip


urlpatterns = [
    path("token/", obtain_auth_token),
    path("incidents/", Incidents.as_view()),
    path("requests/", Requests.as_view()),
    path("requests/<int:number>/", OneRequest.as_view()),
    path("graphql", csrf_exempt(GraphQLView.as_view(schema=strawberry.Schema(Query)))),
]


def load() -> None:
    """Make the tables and put the records and one user in."""
    call_command("migrate", verbosity=0, run_syncdb=True)
    with connection.schema_editor() as editor:
        editor.create_model(Incident)
        editor.create_model(Request)
    given = json.loads((FOLDER / "records.json").read_text(encoding="utf-8"))
    Incident.objects.bulk_create([Incident(**item) for item in given["incidents"]])
    Request.objects.bulk_create([Request(**item) for item in given["requests"]])
    User.objects.create_user(**given["user"])


if __name__ == "__main__":
    import uvicorn
    from django.core.asgi import get_asgi_application

    load()
    uvicorn.run(get_asgi_application(), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", lifespan="off")
