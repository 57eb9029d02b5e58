package sms_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// faults are the entries of the fault catalogue that are about webhooks, texts and media (A, B, J and K), each with the tests
// that prove what must happen then. Those of package livedesk go through the engine's handler, on both carriers unless one
// alone can have the fault; those of the adapters are nearer to the bytes. engine.* is a scenario that runs on every store.
var faults = map[string][]string{
	// A. Authenticity, forgery, replay
	"F1":  {"livedesk.TestForgedWebhooks", "livedesk.TestRefusedByTheHeaders", "livedesk.TestLogsHoldNoSecrets", "twilio.TestParseOrigin", "bandwidth.TestCredentials", "suite.forged_unsigned"},
	"F2":  {"livedesk.TestEveryPartOfTheSignatureCounts", "twilio.TestSignatureBitFlips", "sms.TestSecretsAreComparedInConstantTime", "suite.forged_bit"},
	"F3":  {"livedesk.TestAnotherTenantsToken", "livedesk.TestAnotherTenantsCredentials", "suite.forged_secret"},
	"F6":  {"livedesk.TestOnlyThePublicURLCounts", "livedesk.TestASignatureOverAnotherURL", "twilio.TestSignatureURLForms", "bandwidth.TestParseIgnoresTheRequestLine"},
	"F7":  {"twilio.TestOpenNamesEveryWrongField", "twilio.TestSignatureEmptyToken", "bandwidth.TestOpen", "suite.open_blank_secret", "suite.forged_empty", "suite.rotation_blank"},
	"F8":  {"livedesk.TestCredentialsRotate", "livedesk.TestNewCredentialsAreFoundAtOnce", "livedesk.TestSendingCredentialsRotate", "bandwidth.TestCredentialsRotate", "suite.rotation"},
	"F9":  {"livedesk.TestReplay", "suite.inbound_again"},
	"F12": {"livedesk.TestOnlyPOST"},
	"F13": {"livedesk.TestWrongWebhookCredentials", "bandwidth.TestCredentials"},
	"F14": {"livedesk.TestReceiptsOfOthers", "livedesk.TestReceiptsOfAnotherTenant"},
	"F16": {"livedesk.TestMixedArrays", "livedesk.TestHostileJSON", "bandwidth.TestEvents", "bandwidth.TestMalformed"},
	"F17": {"livedesk.TestUnknownParametersAreTaken", "twilio.TestParseKeepsEveryDocumentedParameter", "bandwidth.TestInboundExtras", "suite.inbound_unknown_field"},
	"F18": {"livedesk.TestTextsArriveAsTyped", "twilio.TestParseKeepsTheTextAsTyped", "bandwidth.TestInboundText", "suite.inbound_text"},

	// B. HTTP hardness
	"F19": {"livedesk.TestBodiesAreBounded", "livedesk.TestRefusedByTheHeaders", "livedesk.TestEndlessBodiesCostLittle"},
	"F20": {"livedesk.TestSlowloris", "livedesk.TestBodiesThatStall"}, // headers are the host's server's: see Engine.Webhooks
	"F21": {"livedesk.TestHostileForms", "twilio.TestParseBounds", "bandwidth.TestManyNames"},
	"F23": {"livedesk.TestHostileJSON", "bandwidth.TestMalformed", "bandwidth.TestNameTwice"},
	"F24": {"livedesk.TestCompressedAndMultipartBodies", "livedesk.TestEncodingsAreRefused", "bandwidth.TestMediaType"},
	"F25": {"livedesk.TestRefusedByTheHeaders", "livedesk.TestCompressedAndMultipartBodies", "livedesk.TestEncodingsAreRefused", "suite.headers", "twilio.TestParseMediaType", "bandwidth.TestMediaType"},
	"F26": {"livedesk.TestPanicInAHook"},
	"F27": {"livedesk.TestCallersWhoHangUp", "livedesk.TestCallerGoesAwayDuringTheCommit", "livedesk.TestGoodAndBadOnOneConnection"},
	"F28": {"livedesk.TestStoreThatIsSlow"},
	"F29": {"livedesk.TestAnswersSayNothing"},
	"F30": {"livedesk.TestSmugglingShapes", "livedesk.TestGoodAndBadOnOneConnection"},

	// D. What receipts say
	"F59": {"livedesk.TestReceiptsInAnyOrder", "livedesk.TestReceiptsOfEveryWord", "livedesk.TestContradictingVerdicts", "livedesk.TestTwilioStatusSequences", "livedesk.TestBandwidthStatusSequences"},
	"F60": {"livedesk.TestUnknownWords", "twilio.TestParseReceiptWords", "twilio.TestParseReceiptDetails", "bandwidth.TestErrorCodesUnknown", "suite.receipt_unknown_word"},

	// J. Texts
	"F132": {"livedesk.TestIllFormedTexts", "bandwidth.TestInboundText", "channel.TestClean", "engine.texts are kept as they are"},
	"F133": {"livedesk.TestIllFormedTexts", "bandwidth.TestInboundText", "channel.TestClean", "engine.texts are kept as they are"},
	"F134": {"sms.TestMeasureReference", "sms.TestMeasureBorders", "sms.TestSplit", "twilio.TestSendRefuses", "bandwidth.TestSendChecks"},
	"F135": {"engine.texts are kept as they are", "sms.TestSplitIsLinear", "sms.TestSuspectIsLinear", "routing.TestHeavyTexts"},
	"F137": {"csat.TestSafeCell", "csat.TestWriteResults"},
	"F138": {"livedesk.TestHostileWordsInLogs", "channel.TestAddressMasksItselfInLogs"},
	"F139": {"livedesk.TestControlCharactersInFields", "twilio.TestOpenRefusesURLs", "twilio.TestSendRefuses", "bandwidth.TestSendChecks"},
	"F140": {"engine.texts are kept as they are", "livedesk.TestWorkspacesNeverCross"},

	// K. Media
	"F141": {"egress.TestPublic", "egress.TestGuardRefusesBeforeTheFirstPacket", "egress.TestForeignAddresses", "egress.TestForeignRedirects"},
	"F142": {"egress.TestGuardLooksBehindNames"},
	"F144": {"egress.TestForeignAddresses", "egress.TestGuardKnowsOnePort", "twilio.TestFetchMediaRefusesForeignAddresses", "bandwidth.TestFetchMediaRefusesForeignAddresses"},
	"F145": {"livedesk.TestFetchMediaFromAForeignAddress", "egress.TestForeignAddresses", "suite.media_foreign", "suite.media_redirect"},
	"F146": {"egress.TestSizes", "sms.TestMediaIsWholeOrAnError", "sms.TestSafeMediaType", "sms.TestSetAttachmentHeader", "suite.media_bounded", "suite.media_broken"},
	"F148": {"livedesk.TestMediaIsNotInTheWebhooksPath", "livedesk.TestFetchMediaErrors", "egress.TestTimes"},
}

func TestFaultsAreShown(t *testing.T) {
	t.Parallel()
	tests := known(t)
	for fault, names := range faults {
		require.NotEmpty(t, names, fault)
		for _, name := range names {
			require.True(t, tests[name], "%s names %s, which isn't there", fault, name)
		}
	}
}
