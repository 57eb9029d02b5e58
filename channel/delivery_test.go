package channel_test

import (
	"testing"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/stretchr/testify/require"
)

func TestReasonFinal(t *testing.T) {
	t.Parallel()
	for r, want := range map[channel.Reason]bool{
		channel.ReasonNone:        false,
		channel.ReasonRetry:       false,
		channel.ReasonRetryLater:  false,
		channel.ReasonRecipient:   true,
		channel.ReasonOptOut:      true,
		channel.ReasonContent:     true,
		channel.ReasonConfig:      true,
		channel.ReasonCredentials: false, // the channel is at fault: the text waits until it is mended
		channel.ReasonUnknown:     false, // may have arrived: it is reconciled, not given up
		channel.ReasonExpired:     true,
		channel.ReasonCanceled:    true,
		channel.ReasonOther:       true,
		"a word from the future":  false,
	} {
		require.Equal(t, want, r.Final(), "%q", r)
	}
}

// The words are stored and sent to clients, so they never change.
func TestStoredWords(t *testing.T) {
	t.Parallel()
	require.Equal(t, []channel.DeliveryStatus{"", "accepted", "sent", "delivered", "read", "undelivered", "failed", "canceled"},
		[]channel.DeliveryStatus{
			channel.StatusUnknown, channel.StatusAccepted, channel.StatusSent, channel.StatusDelivered, channel.StatusRead,
			channel.StatusUndelivered, channel.StatusFailed, channel.StatusCanceled,
		})
	require.Equal(t, []channel.Reason{
		"", "retry", "retry_later", "recipient", "opt_out", "content", "config", "credentials", "unknown_outcome", "expired", "canceled", "other",
	}, []channel.Reason{
		channel.ReasonNone, channel.ReasonRetry, channel.ReasonRetryLater, channel.ReasonRecipient, channel.ReasonOptOut,
		channel.ReasonContent, channel.ReasonConfig, channel.ReasonCredentials, channel.ReasonUnknown, channel.ReasonExpired,
		channel.ReasonCanceled, channel.ReasonOther,
	})
	require.Equal(t, []channel.Consent{"", "opt_out", "opt_in", "help"},
		[]channel.Consent{channel.ConsentNone, channel.OptOut, channel.OptIn, channel.Help})
}
