package livedesk

import (
	"context"
	"errors"
	"net/http"

	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms"
)

// ErrorCode returns a stable word for an error of this package, for a host's own API: "not_found", "invalid",
// "conflict", "exists", "wrong_state", "opted_out", "not_replyable", "channel_closed", "key_reused", "busy",
// "unsupported", "carrier_unavailable", "media_not_found", "media_too_large", "media_failed", "internal". It is empty
// for nil.
func ErrorCode(err error) string { code, _ := classify(err); return code }

// HTTPStatus returns the status that goes with [ErrorCode]; 200 for nil.
func HTTPStatus(err error) int { _, status := classify(err); return status }

func classify(err error) (string, int) {
	if err == nil {
		return "", http.StatusOK
	}
	if _, ok := errors.AsType[*ValidationError](err); ok {
		return "invalid", http.StatusUnprocessableEntity
	}
	if _, ok := errors.AsType[sms.FieldErrors](err); ok {
		return "invalid", http.StatusUnprocessableEntity
	}
	if _, ok := errors.AsType[routing.FieldErrors](err); ok {
		return "invalid", http.StatusUnprocessableEntity
	}
	if _, ok := errors.AsType[*DeliveryError](err); ok {
		return "wrong_state", http.StatusConflict
	}
	if _, ok := errors.AsType[*StateError](err); ok {
		return "wrong_state", http.StatusConflict
	}
	for _, c := range []struct {
		is     error
		code   string
		status int
	}{
		{ErrNotFound, "not_found", http.StatusNotFound},
		{ErrConflict, "conflict", http.StatusConflict},
		{ErrExists, "exists", http.StatusConflict},
		{ErrOptedOut, "opted_out", http.StatusConflict},
		{ErrNotReplyable, "not_replyable", http.StatusUnprocessableEntity},
		{ErrChannelClosed, "channel_closed", http.StatusConflict},
		{ErrKeyReused, "key_reused", http.StatusConflict},
		{errors.ErrUnsupported, "unsupported", http.StatusNotImplemented},
		{ErrCarrierUnavailable, "carrier_unavailable", http.StatusBadGateway},
		{ErrBusy, "busy", http.StatusServiceUnavailable},
		{ErrSerialization, "busy", http.StatusServiceUnavailable},
		{context.DeadlineExceeded, "busy", http.StatusServiceUnavailable},
		{sms.ErrMediaNotFound, "media_not_found", http.StatusNotFound},
		{sms.ErrMediaTooLarge, "media_too_large", http.StatusBadGateway},
		{sms.ErrMediaBroken, "media_failed", http.StatusBadGateway},
	} {
		if errors.Is(err, c.is) {
			return c.code, c.status
		}
	}
	if _, ok := errors.AsType[*sms.MediaError](err); ok {
		return "media_failed", http.StatusBadGateway
	}
	return "internal", http.StatusInternalServerError
}

// FieldErrors returns every wrong field that an error names, for showing them beside a form.
func FieldErrors(err error) []sms.FieldError {
	var out []sms.FieldError
	var walk func(error)
	walk = func(err error) {
		switch e := err.(type) {
		case nil:
		case sms.FieldErrors:
			out = append(out, e...)
		case *ValidationError:
			out = append(out, sms.FieldError{Field: e.Field, Problem: e.Problem})
		case routing.FieldError:
			out = append(out, sms.FieldError{Field: e.Field, Problem: e.Problem})
		case interface{ Unwrap() []error }:
			for _, e := range e.Unwrap() {
				walk(e)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
	return out
}
