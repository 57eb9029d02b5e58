package bandwidth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
)

// Bandwidth answers nothing; the toll-free network answers the words that it acts on.
func TestAnswers(t *testing.T) { // F79
	t.Parallel()
	a := open(t, bandwidth.Config{}).(sms.AutoResponder)
	for _, c := range []struct {
		to   channel.Address
		text string
		want bool
	}{
		{"+19195550100", "STOP", false}, {"+19195550100", "HELP", false}, {"72345", "STOP", false},
		{"+18885550100", "stop", true}, {"+18335550100", " START ", true}, {"+18445550100", "Unstop", true},
		{"+18885550100", "QUIT", false}, {"+18885550100", "HELP", false}, {"+448005550100", "STOP", false},
	} {
		require.Equal(t, c.want, a.Answers(channel.Inbound{To: c.to, Text: c.text}), "%q to %s", c.text, c.to)
	}
}
