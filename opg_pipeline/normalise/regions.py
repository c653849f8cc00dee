"""From codes and names of places to Kemendagri codes, with how sure that is. A place that two regions could be is none of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from opg_pipeline.model.reference import Region

_PREFIX = re.compile(r"^(?:kecamatan|kec|desa|ds|kelurahan|kel)(?:\.\s*|\s+)")
_CITY_PREFIX = re.compile(r"^(?:kabupaten|kab|kota)(?:\.\s*|\s+)")
_NOT_NAME = re.compile(r"[\W_]+")
_CODE = re.compile(r"[\d.\s]+")
_STRENGTH = {"code": 3, "exact_name": 2, "alias": 1, "fuzzy": 0}


@dataclass(frozen=True, slots=True)
class Place:
    """A resolved region. ``match``: code, exact_name, alias, fuzzy or none; ``score`` 0 to 100; code None for none.

    ``partly``: a village was named but only its district could be resolved.
    """

    code: str | None
    level: str | None
    match: str
    score: float | None
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A region that a name may mean. ``district`` is the name of the district it lies in; '' for a district itself."""

    code: str
    name: str
    district: str
    score: float


NOWHERE = Place(None, None, "none", None)


def name_key(name: str) -> str:
    """A name without case, accents, blanks, punctuation and Kec., Kecamatan, Desa, Ds., Kelurahan, Kel."""
    plain = (
        "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
        .casefold()
        .strip()
    )
    return _NOT_NAME.sub("", _PREFIX.sub("", plain))


def _plain_code(code: str) -> str:
    return re.sub(r"\s", "", code).rstrip(".")


def first_fit(shapes: Sequence[re.Pattern[str]], text: str) -> re.Match[str] | None:
    """The match of the first pattern that fits."""
    return next((match for shape in shapes if (match := shape.search(text)) is not None), None)


def region_pattern(pattern: str) -> re.Pattern[str]:
    """The expression of a `region.pattern`: literals without regard to case and width of blanks, {village} and {district}."""
    parts = []
    for piece in re.split(r"(\{village\}|\{district\})", pattern):
        if piece in {"{village}", "{district}"}:
            parts.append(rf"(?P<{piece[1:-1]}>[^,;:()\n]+?)")
        else:
            parts.append(re.sub(r"(?:\\\s)+", lambda _: r"\s+", re.escape(piece)))
    end = r"(?=\s*(?:$|[,;.()\n]))" if pattern.endswith("}") else ""
    return re.compile("(?i)" + "".join(parts) + end)


class RegionResolver:
    """Resolves places of one city.

    Args:
        regions: all regions of the city, its own row (level regency) included.
        root: Kemendagri code of the city.
        threshold: least similarity (0 to 100) of a misspelt name. The spelling must be near one name only.
        aliases: further spellings with the code each means, beside a region's own; a spelling without letters is a code that a
            source uses. Names of the BPS count as aliases by themselves.

    A name that a region in force shares with one that has ended means the one in force.

    Raises:
        ValueError: an alias leads to an unknown code.
    """

    def __init__(
        self, regions: Sequence[Region], root: str, threshold: float, aliases: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.root, self.threshold = root, threshold
        self._regions = {region.code: region for region in regions}
        self._codes: dict[str, str | None] = {}
        self._alias_codes: dict[str, str | None] = {}
        self._exact: dict[str, dict[str, set[str]]] = {}
        self._alias: dict[str, dict[str, set[str]]] = {}
        self._villages_exact: dict[str, set[str]] = {}
        self._villages_alias: dict[str, set[str]] = {}
        self._known: dict[tuple[str | None, str | None, str | None], Place] = {}
        for region in regions:
            for written in {region.code, region.code.replace(".", ""), region.bps_code} - {""}:
                taken = self._codes.get(written, region.code)
                self._codes[written] = region.code if taken == region.code else None
            self._add(self._exact, self._villages_exact, region, region.name)
            if region.bps_name:
                self._add(self._alias, self._villages_alias, region, region.bps_name)
        self._ended = {region.code for region in regions if region.valid_to is not None}
        for name, target in aliases:
            if target not in self._regions:
                raise ValueError(f"the alias {name!r} leads to {target!r}, which is no region of {root}")
            if _CODE.fullmatch(name):
                plain = _plain_code(name)
                self._alias_codes[plain] = target if self._alias_codes.get(plain, target) == target else None
            else:
                self._add(self._alias, self._villages_alias, self._regions[target], name)
        self._city_names = {
            _NOT_NAME.sub("", _CITY_PREFIX.sub("", region.name.casefold())) for region in regions if region.code == root
        }

    def _add(
        self, by_parent: dict[str, dict[str, set[str]]], villages: dict[str, set[str]], region: Region, name: str
    ) -> None:
        key = name_key(name)
        by_parent.setdefault(region.parent_code, {}).setdefault(key, set()).add(region.code)
        if region.level == "village":
            villages.setdefault(key, set()).add(region.code)

    def resolve(self, code: str | None, district: str | None, village: str | None) -> Place:
        """The place that a code, or names, mean. A code that says nothing leaves the word to the names."""
        combination = (code, district, village)
        if combination not in self._known:
            self._known[combination] = self._resolve(*combination)
        return self._known[combination]

    def _resolve(self, code: str | None, district: str | None, village: str | None) -> Place:
        by_code = self._by_code(code) if code else NOWHERE
        if by_code.code is not None and not by_code.partly:
            return by_code
        by_name = self._by_name(district, village)
        return by_name if by_name.code is not None and (by_code.code is None or not by_name.partly) else by_code

    def _place(self, code: str, match: str, score: float, partly: bool = False) -> Place:
        return Place(code, self._regions[code].level, match, score, partly)

    def _by_code(self, code: str) -> Place:
        plain = _plain_code(code)
        found = self._codes.get(plain)
        if found is not None:
            return self._place(found, "code", 100.0)
        if plain in self._codes:
            return NOWHERE
        if (meant := self._alias_codes.get(plain)) is not None:
            return self._place(meant, "alias", 100.0)
        district = (
            self._codes.get(plain.rpartition(".")[0]) if re.fullmatch(r"\d\d\.\d\d\.\d\d\.\d{4}", plain) else None
        )
        return self._place(district, "code", 100.0, partly=True) if district is not None else NOWHERE

    def _by_name(self, district: str | None, village: str | None) -> Place:
        village_key = name_key(village) if village else ""
        if not district or not name_key(district):
            return self._village_alone(village_key) if village_key else NOWHERE
        parent = self._among(self.root, name_key(district))
        if parent.code is None:
            plain = district.casefold().strip()
            whole_city = _CITY_PREFIX.sub("", plain)
            if whole_city != plain and _NOT_NAME.sub("", whole_city) in self._city_names:
                return self._place(self.root, "exact_name", 100.0, partly=bool(village_key))
            return NOWHERE
        if not village_key:
            return parent
        found = self._among(parent.code, village_key)
        if found.code is None:
            return self._place(parent.code, parent.match, parent.score or 0.0, partly=True)
        weaker = min(parent, found, key=lambda place: _STRENGTH[place.match])
        return self._place(found.code, weaker.match, min(parent.score or 0.0, found.score or 0.0))

    def _village_alone(self, key: str) -> Place:
        exact, alias = self._villages_exact.get(key, set()), self._villages_alias.get(key, set())
        meant = self._one(exact | alias)
        if meant is None:
            return NOWHERE
        return self._place(meant, "exact_name" if meant in exact else "alias", 100.0)

    def _one(self, codes: set[str]) -> str | None:
        """The one region that is meant, or that alone is in force."""
        chosen = codes if len(codes) == 1 else codes - self._ended
        return next(iter(chosen)) if len(chosen) == 1 else None

    def _among(self, parent: str, key: str) -> Place:
        """The one child of ``parent`` that a name means."""
        for match, names in (("exact_name", self._exact), ("alias", self._alias)):
            found = names.get(parent, {}).get(key)
            if found:
                meant = self._one(found)
                return self._place(meant, match, 100.0) if meant is not None else NOWHERE
        near: dict[str, float] = {}
        for names in (self._exact, self._alias):
            for name, codes in names.get(parent, {}).items():
                score = fuzz.ratio(key, name, score_cutoff=self.threshold)
                if score:
                    for code in codes:
                        near[code] = max(score, near.get(code, 0.0))
        meant = self._one(set(near))
        return self._place(meant, "fuzzy", round(near[meant], 2)) if meant is not None else NOWHERE

    def candidates(self, district: str | None, village: str | None, limit: int = 3) -> list[Candidate]:
        """The regions whose names come nearest to what did not resolve, best first: children of the district where it is known.

        They are for a person to choose from. Nothing is resolved by them.
        """
        parent = self._among(self.root, name_key(district)) if district else NOWHERE
        unknown_district = district and parent.code is None and name_key(district)
        wanted, level = (
            (name_key(district or ""), "district") if unknown_district else (name_key(village or ""), "village")
        )
        if not wanted:
            return []
        scores: dict[str, float] = {}
        for names in (self._exact, self._alias):
            for above, children in names.items():
                if level == "village" and parent.level == "district" and above != parent.code:
                    continue
                for name, codes in children.items():
                    score = fuzz.ratio(wanted, name)
                    for code in codes:
                        if self._regions[code].level == level:
                            scores[code] = max(score, scores.get(code, 0.0))
        best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit]
        return [Candidate(code, self.name(code), self.above(code), round(score, 2)) for code, score in best]

    def name(self, code: str) -> str:
        """The name of a region of the file. Raises KeyError."""
        return self._regions[code].name

    def above(self, code: str) -> str:
        """The name of the district that a village lies in; '' for any other region. Raises KeyError."""
        above = self._regions.get(self._regions[code].parent_code)
        return above.name if above is not None and above.level == "district" else ""
