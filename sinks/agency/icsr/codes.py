"""HL7 v3's names and ICH's code systems, as the messages use them."""

from __future__ import annotations

from typing import NamedTuple

HL7 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
TYPE = f"{{{XSI}}}type"
TYPE_WRITTEN = "xsi:type"
"""The same, by the prefix that our messages declare."""

BATCH = "MCCI_IN200100UV01"
MESSAGE = "PORR_IN049016UV"
ACKNOWLEDGEMENT = "MCCI_IN200101UV01"
ACKNOWLEDGED_MESSAGE = "MCCI_IN000002UV01"
INTERACTIONS = "2.16.840.1.113883.1.6"
TRIGGERS = "2.16.840.1.113883.1.18"

_LIST = "2.16.840.1.113883.3.989.2.1.1."
_NAMESPACE = "2.16.840.1.113883.3.989.2.1.3."

BATCH_KIND = f"{_LIST}1"
REPORT_TYPE = f"{_LIST}2"
FIRST_SENDER = f"{_LIST}3"
RECORD_SOURCE = f"{_LIST}4"
NULLIFICATION = f"{_LIST}5"
QUALIFICATION = f"{_LIST}6"
SENDER_TYPE = f"{_LIST}7"
STUDY_TYPE = f"{_LIST}8"
AGE_GROUP = f"{_LIST}9"
HIGHLIGHTED = f"{_LIST}10"
OUTCOME = f"{_LIST}11"
TEST_RESULT = f"{_LIST}12"
DRUG_ROLE = f"{_LIST}13"
ACTION_TAKEN = f"{_LIST}15"
RECHALLENGE = f"{_LIST}16"
DRUG_INFORMATION = f"{_LIST}17"

SEX = "1.0.5218"
COUNTRY = "1.0.3166.1.2.2"
MEDDRA = "2.16.840.1.113883.6.163"
INTERPRETATION = "2.16.840.1.113883.5.83"
DOSE_FORM = "0.4.0.127.0.16.1.1.2.1"
ROUTE = "0.4.0.127.0.16.1.1.2.6"
MPID = "TBD-MPID"
PHPID = "TBD-PhPID"
SUBSTANCE = "TBD-Substance"
"""ISO IDMP's identifiers have no OID yet; ICH's table of places names them so meanwhile."""

REPORT_ID = f"{_NAMESPACE}1"
WORLDWIDE_ID = f"{_NAMESPACE}2"
OTHER_ID = f"{_NAMESPACE}3"
AUTHORISATION = f"{_NAMESPACE}4"
SPONSOR_NUMBER = f"{_NAMESPACE}5"
STUDY_NUMBER = f"{_NAMESPACE}6"
GP_RECORD = f"{_NAMESPACE}7"
SPECIALIST_RECORD = f"{_NAMESPACE}8"
HOSPITAL_RECORD = f"{_NAMESPACE}9"
INVESTIGATION = f"{_NAMESPACE}10"
MESSAGE_SENDER = f"{_NAMESPACE}11"
MESSAGE_RECEIVER = f"{_NAMESPACE}12"
BATCH_SENDER = f"{_NAMESPACE}13"
BATCH_RECEIVER = f"{_NAMESPACE}14"
BATCH_NUMBER = f"{_NAMESPACE}22"


class Code(NamedTuple):
    """A code that says what something is, not what anybody reported."""

    code: str
    system: str
    name: str


def _observation(code: str, name: str) -> Code:
    return Code(code, f"{_LIST}19", name)


DOCUMENTS_AVAILABLE = _observation("1", "additionalDocumentsAvailable")
ADDITIONAL_INFORMATION = _observation("2", "additionalInformation")
AGE = _observation("3", "age")
PATIENT_AGE_GROUP = _observation("4", "ageGroup")
AUTOPSY = _observation("5", "autopsy")
BLINDED = _observation("6", "blinded")
WEIGHT = _observation("7", "bodyWeight")
CAUSE_OF_DEATH = _observation("8", "causeOfDeath")
CODED_INFORMATION = _observation("9", "codedDrugInformation")
COMMENT = _observation("10", "comment")
CONCOMITANT_THERAPY = _observation("11", "concomitantTherapy")
CONGENITAL_ANOMALY = _observation("12", "congenitalAnomalyBirthDefect")
CONTINUING = _observation("13", "continuing")
CUMULATIVE_DOSE = _observation("14", "cumulativeDoseToReaction")
DIAGNOSIS = _observation("15", "diagnosis")
GESTATION = _observation("16", "gestationPeriod")
HEIGHT = _observation("17", "height")
HISTORY_TEXT = _observation("18", "historyAndConcurrentConditionText")
INDICATION = _observation("19", "indication")
ROLE = _observation("20", "interventionCharacterization")
LIFE_THREATENING = _observation("21", "isLifeThreatening")
LAST_MENSTRUAL_PERIOD = _observation("22", "lastMenstrualPeriodDate")
EXPEDITED = _observation("23", "localCriteriaForExpedited")
CONFIRMED = _observation("24", "medicalConfirmationByHealthProfessional")
MORE_INFORMATION = _observation("25", "moreInformationAvailable")
MEDICALLY_IMPORTANT = _observation("26", "otherMedicallyImportantCondition")
REACTION_OUTCOME = _observation("27", "outcome")
PARENT_ROUTE = _observation("28", "parentRouteOfAdministration")
REACTION = _observation("29", "reaction")
TRANSLATION = _observation("30", "reactionForTranslation")
RECURRENCE = _observation("31", "recurranceOfReaction")
REPORTED_CAUSE = _observation("32", "reportedCauseOfDeath")
HOSPITALISATION = _observation("33", "requiresInpatientHospitalization")
RESULTS_IN_DEATH = _observation("34", "resultsInDeath")
DISABLING = _observation("35", "resultsInPersistentOrSignificantDisability")
SUMMARY = _observation("36", "summaryAndComment")
TERM_HIGHLIGHTED = _observation("37", "termHighlightedByReporter")
FAMILY_HISTORY = _observation("38", "familyHistory")
CAUSALITY = _observation("39", "causality")

HISTORY_GROUP = Code("1", f"{_LIST}20", "relevantMedicalHistoryAndConcurrentConditions")
DRUG_HISTORY_GROUP = Code("2", f"{_LIST}20", "drugHistory")
TEST_GROUP = Code("3", f"{_LIST}20", "testsAndProceduresRelevantToTheInvestigation")
DRUG_GROUP = Code("4", f"{_LIST}20", "drugInformation")

SENDER_ROLE = Code("1", f"{_LIST}21", "sender")
REPORTER_ROLE = Code("2", f"{_LIST}21", "reporter")
SOURCE_REPORTER_ROLE = Code("3", f"{_LIST}21", "sourceReporter")

INITIAL_REPORT = Code("1", f"{_LIST}22", "initialReport")
SOURCE_REPORT = Code("2", f"{_LIST}22", "sourceReport")

KIND_OF_REPORT = Code("1", f"{_LIST}23", "ichReportType")
OTHER_CASE_IDS = Code("2", f"{_LIST}23", "otherCaseIds")
NULLIFICATION_CODE = Code("3", f"{_LIST}23", "nullificationAmendmentCode")
NULLIFICATION_REASON = Code("4", f"{_LIST}23", "nullificationAmendmentReason")

DOCUMENT_HELD = Code("1", f"{_LIST}27", "documentsHeldBySender")
LITERATURE_REFERENCE = Code("2", f"{_LIST}27", "literatureReference")

RETAIL_SUPPLY = Code("1", f"{_LIST}18", "retailSupply")
PARENT = Code("PRN", "2.16.840.1.113883.5.111", "parent")
ADVERSE_EVENT = Code("PAT_ADV_EVNT", "2.16.840.1.113883.5.4", "")
TRIGGER = Code("PORR_TE049016UV", TRIGGERS, "")
LOW = Code("L", INTERPRETATION, "")
HIGH = Code("H", INTERPRETATION, "")

MESSAGE_CREATED = Code("1", f"{_LIST}24", "dateOfIcsrMessageCreation")
LOCAL_NUMBER = Code("2", f"{_LIST}24", "acknowledgementLocalMessageNumber")
BATCH_TRANSMITTED = Code("3", f"{_LIST}24", "dateOfIcsrBatchTransmission")
