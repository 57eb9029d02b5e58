package sms_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

func TestUncheckedError(t *testing.T) {
	t.Parallel()
	open := []sms.FieldError{{Field: "phone_number", Problem: "could not be checked: no right"}}
	require.EqualError(t, &sms.UncheckedError{Provider: "x", Fields: open}, "x: phone_number: could not be checked: no right")

	down := &sms.SendError{Provider: "x", Reason: channel.ReasonRetry, Status: 503, After: time.Minute}
	var err error = &sms.UncheckedError{Provider: "x", Fields: open, Err: down}
	require.EqualError(t, err, "x: phone_number: could not be checked: no right: x: retry (HTTP 503)")
	after, ok := sms.RetryAfter(err)
	require.True(t, ok)
	require.Equal(t, time.Minute, after)
	_, wrong := errors.AsType[sms.FieldErrors](err)
	require.False(t, wrong, "what is open isn't wrong")

	err = errors.Join(sms.FieldErrors{{Field: "account_id", Problem: "is not yours"}}, err)
	fields, wrong := errors.AsType[sms.FieldErrors](err)
	require.True(t, wrong)
	require.Len(t, fields, 1)
	_, ok = errors.AsType[*sms.UncheckedError](err)
	require.True(t, ok, "both can be had from one error")
}
