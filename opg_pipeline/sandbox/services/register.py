"""The list of the city's services. A new service is added here and nowhere else."""

from __future__ import annotations

from opg_pipeline.sandbox.services.base import Service
from opg_pipeline.sandbox.services.offices import EkatalogV6, PortalBerita
from opg_pipeline.sandbox.services.residents import Damkar, EPuskesmas, SiNduk
from opg_pipeline.sandbox.services.revenue import EBphtb, EPbb, Wizztara
from opg_pipeline.sandbox.services.sensors import GisCctv, TmaBengawanSolo
from opg_pipeline.sandbox.services.sheets import SapaBupati, SispanSismon

SERVICES: tuple[type[Service], ...] = (
    EPbb,
    EBphtb,
    SiNduk,
    EPuskesmas,
    TmaBengawanSolo,
    GisCctv,
    EkatalogV6,
    PortalBerita,
    SispanSismon,
    SapaBupati,
    Wizztara,
    Damkar,
)
