package twilio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// Twilio answers its default words, whole texts in any case, and whatever Advanced Opt-Out says it understood; the rest is
// the desk's to answer.
func TestAnswers(t *testing.T) { // F79
	t.Parallel()
	a := open(t, twilio.Config{}, settings()).(sms.AutoResponder)
	const own, short, pool = "+14155550100", "72345", "MG0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		in   channel.Inbound
		want bool
	}{
		{channel.Inbound{To: own, Text: "STOP"}, true},
		{channel.Inbound{To: own, Text: " stopall\n"}, true},
		{channel.Inbound{To: own, Text: "OptOut"}, true},
		{channel.Inbound{To: own, Text: "help"}, true},
		{channel.Inbound{To: own, Text: "Unstop"}, true},
		{channel.Inbound{To: own, Text: "ARRET"}, true},
		{channel.Inbound{To: own, Text: "opt out"}, false},
		{channel.Inbound{To: own, Text: "Stop!"}, false},
		{channel.Inbound{To: own, Text: "arrêt"}, false},
		{channel.Inbound{To: own, Text: "genug", Consent: channel.OptOut}, true},
		{channel.Inbound{To: short, Text: "STOP"}, false},
		{channel.Inbound{To: short, Pool: pool, Text: "STOP"}, true},
	} {
		require.Equal(t, c.want, a.Answers(c.in), "%q to %s", c.in.Text, c.in.To)
	}
}
