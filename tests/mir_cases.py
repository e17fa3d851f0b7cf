"""An invented manufacturer's incident report."""

from __future__ import annotations

from datetime import date

from sinks.agency.mir.model import Administration, Analysis, Codes, Device, Incident, Mir, Organisation, Span, Udi


def day(text: str) -> date:
    return date.fromisoformat(text)


def once(text: str) -> Span:
    return Span(first=day(text), last=day(text))


def coded(*codes: str) -> Codes:
    return Codes(codes=codes, version="2025")


MAKER = Organisation(
    name="Nordfalk Ortopedi",
    srn="SE-MF-000000001",
    first_name="Berit",
    last_name="Exempel",
    email="vigilance@nordfalk.example",
    phone="+46 8 000 00 00",
    street="Provgatan 1",
    postcode="111 11",
    city="Exempelstad",
    country="SE",
)
INITIAL = Mir(
    administration=Administration(
        agency="Läkemedelsmyndigheten",
        submitted_on=day("2026-03-12"),
        occurred=once("2026-03-02"),
        aware_of_incident=day("2026-03-05"),
        aware_of_reportability=day("2026-03-06"),
        type="initial",
        next_report_on=day("2026-04-12"),
        classification="serious",
        reference="NF-2026-7",
        manufacturer=MAKER,
    ),
    device=Device(
        udi_di=Udi(value="09520001000010", entity="GS1"),
        udi_pi="(10)L7",
        nomenclature="EMDN",
        nomenclature_code="P0908030101",
        brand_name="Falka Duo",
        lot="L7",
        implanted=once("2025-11-03"),
        explanted=once("2026-03-02"),
        risk_class="MDR class III, implantable",
        distributed_in=("SE", "NO"),
    ),
    incident=Incident(
        description="The cup had loosened and was exchanged.",
        problems=coded("A0401"),
        patients=1,
        signs=coded("E0123"),
        impacts=coded("F19"),
        age_years=71,
        sex="female",
        reporter="Healthcare professional",
    ),
    analysis=Analysis(preliminary="The cup is on its way to us."),
)
