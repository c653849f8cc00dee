"""pygeoapi over one GeoJSON file, run by the servers' own environment.

    python pygeoapi_site.py <folder> <port>

The folder holds places.geojson, and takes the configuration. Imports nothing of the pipeline.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import yaml
from werkzeug.serving import run_simple

FOLDER, PORT = Path(sys.argv[1]), int(sys.argv[2])
TEXT = {"en": "Public places"}
CONFIG = {
    "server": {
        "bind": {"host": "127.0.0.1", "port": PORT},
        "url": f"http://127.0.0.1:{PORT}",
        "mimetype": "application/json; charset=UTF-8",
        "encoding": "utf-8",
        "language": "en-US",
        "limits": {"default_items": 10, "max_items": 80},
        "map": {"url": "/tiles/{z}/{x}/{y}.png", "attribution": "none"},
    },
    "logging": {"level": "ERROR"},
    "metadata": {
        "identification": {"title": TEXT, "description": TEXT, "keywords": {"en": ["places"]}, "url": "/", "terms_of_service": "/"},
        "license": {"name": "CC0", "url": "/"},
        "provider": {"name": "Tests", "url": "/"},
        "contact": {"name": "Tests"},
    },
    "resources": {
        "tempat": {
            "type": "collection",
            "title": TEXT,
            "description": TEXT,
            "keywords": {"en": ["places"]},
            "extents": {"spatial": {"bbox": [110, -9, 113, -6], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}},
            "providers": [
                {"type": "feature", "name": "GeoJSON", "data": str(FOLDER / "places.geojson"), "id_field": "id"}
            ],
        }
    },
}  # fmt: skip

if __name__ == "__main__":
    config, document = FOLDER / "pygeoapi.yaml", FOLDER / "openapi.yaml"
    config.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    os.environ["PYGEOAPI_CONFIG"], os.environ["PYGEOAPI_OPENAPI"] = str(config), str(document)
    from pygeoapi.openapi import generate_openapi_document

    document.write_text(generate_openapi_document(config, "yaml"), encoding="utf-8")
    from pygeoapi.flask_app import APP

    run_simple("127.0.0.1", PORT, APP, threaded=True)
