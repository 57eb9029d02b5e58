package sms_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/stretchr/testify/require"
)

func TestSendError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  *sms.SendError
		want string
	}{
		{&sms.SendError{Provider: "twilio", Reason: channel.ReasonUnknown}, "twilio: unknown_outcome"},
		{&sms.SendError{Provider: "twilio", Reason: channel.ReasonOptOut, Code: "21610", Status: 400}, "twilio: opt_out (code 21610) (HTTP 400)"},
		{
			&sms.SendError{Provider: "bandwidth", Reason: channel.ReasonUnknown, Err: context.DeadlineExceeded},
			"bandwidth: unknown_outcome: context deadline exceeded",
		},
	} {
		require.EqualError(t, c.err, c.want)
	}
	wrapped := fmt.Errorf("send 7: %w", &sms.SendError{Provider: "x", Reason: channel.ReasonRetry, Err: context.Canceled})
	require.ErrorIs(t, wrapped, context.Canceled)
}

func TestReasonOf(t *testing.T) {
	t.Parallel()
	retry := &sms.SendError{Reason: channel.ReasonRetry}
	require.Equal(t, channel.ReasonNone, sms.ReasonOf(nil))
	require.Equal(t, channel.ReasonRetry, sms.ReasonOf(retry))
	require.Equal(t, channel.ReasonRetry, sms.ReasonOf(fmt.Errorf("send: %w", retry)))
	require.Equal(t, channel.ReasonRetry, sms.ReasonOf(errors.Join(errors.New("other"), retry)))
	require.Equal(t, channel.ReasonUnknown, sms.ReasonOf(errors.New("connection reset")))
	require.Equal(t, channel.ReasonUnknown, sms.ReasonOf(&sms.SendError{}), "an adapter that forgot the reason is not taken for a success")
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		after time.Duration
		ok    bool
	}{
		{nil, 0, false},
		{errors.New("x"), 0, false},
		{&sms.SendError{}, 0, false},
		{&sms.SendError{After: -time.Second}, 0, false},
		{fmt.Errorf("send: %w", &sms.SendError{After: 3 * time.Second}), 3 * time.Second, true},
	} {
		after, ok := sms.RetryAfter(c.err)
		require.Equal(t, c.after, after)
		require.Equal(t, c.ok, ok)
	}
}

func ExampleReasonOf() {
	err := fmt.Errorf("send: %w", &sms.SendError{Provider: "twilio", Code: "21610", Status: 400, Reason: channel.ReasonOptOut})
	fmt.Println(sms.ReasonOf(err), sms.ReasonOf(err).Final())
	fmt.Println(sms.ReasonOf(context.DeadlineExceeded)) // may have been sent: never repeated blindly
	// Output:
	// opt_out true
	// unknown_outcome
}
