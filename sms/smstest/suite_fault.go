package smstest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// hangs is how long the suite waits for a carrier that doesn't answer.
const hangs = 500 * time.Millisecond

var (
	notSent = []channel.Reason{channel.ReasonRetry, channel.ReasonRetryLater}
	unknown = []channel.Reason{channel.ReasonUnknown}
)

// faultClauses: what a fault means for the text, with one request each. They are clauses of "Send returns only after
// every byte is known to be unsent or may have been received", of "must not retry", and of what each Reason means.
var faultClauses = []clause{
	{"fault_down", "A carrier that refuses connections has not got the text: known not sent.", checkDown},
	{"fault_429", "429 is known not sent.", faulty(Fault{Kind: FaultStatus, Status: http.StatusTooManyRequests}, notSent)},
	{"fault_429_after", "Retry-After of a 429 comes out by sms.RetryAfter.", checkAfter(http.StatusTooManyRequests)},
	{"fault_503_after", "503 with Retry-After is known not sent, and Retry-After comes out.", checkAfter(http.StatusServiceUnavailable)},
	{"fault_503", "503 without Retry-After is unknown.", faulty(Fault{Kind: FaultHTML, Status: http.StatusServiceUnavailable}, unknown)},
	{"fault_500", "500 is unknown.", faulty(Fault{Kind: FaultStatus}, unknown)},
	{"fault_502_html", "A gateway's page is unknown.", faulty(Fault{Kind: FaultHTML}, unknown)},
	{"fault_504_accepted", "504 is unknown; the text may have been taken.", faulty(Fault{Kind: FaultHTML, Status: http.StatusGatewayTimeout, Accept: true}, unknown)},
	{"fault_401", "401 is ReasonCredentials.", checkUnauthorized},
	{"fault_reset", "A connection that breaks after the request was read is unknown.", faulty(Fault{Kind: FaultReset}, unknown)},
	{"fault_reset_accepted", "The same where the text was taken.", faulty(Fault{Kind: FaultReset, Accept: true}, unknown)},
	{"fault_hang_accepted", "No answer in time is unknown.", faulty(Fault{Kind: FaultHang, Accept: true}, unknown)},
	{"fault_slow_accepted", "Half an answer is unknown.", faulty(Fault{Kind: FaultSlow, Accept: true}, unknown)},
	{"fault_no_id", "A good status without an id is unknown.", faulty(Fault{Kind: FaultNoID, Accept: true}, unknown)},
	{"fault_garbage", "A good status with bytes that can't be read is unknown.", faulty(Fault{Kind: FaultGarbage, Accept: true}, unknown)},
	{"fault_redirect", "A redirect is not followed, so that credentials never leave for another host.", faulty(Fault{Kind: FaultRedirect}, unknown)},
	{"fault_then_good", "After a fault the account works on.", checkRecovers},
}

// faulty wants a fault to have one of the reasons after exactly one request.
func faulty(f Fault, reasons []channel.Reason) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		_, err := r.meet(ctx, f)
		if err != nil {
			return errors.Join(wantReason(r.provider.Name(), err, reasons), r.once(f))
		}
		return errors.New("it was reported as accepted")
	}
}

// meet sends a good text first, so that a token is there, and then one that meets the fault.
func (r *rig) meet(ctx context.Context, f Fault) (channel.Accepted, error) {
	if _, err := r.accepted(ctx, r.text()); err != nil {
		return channel.Accepted{}, err
	}
	if f.Kind == FaultHang || f.Kind == FaultSlow {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, hangs)
		defer cancel()
	}
	r.carrier.Fail(f)
	return r.send(ctx, r.text())
}

// once wants the carrier to have seen the good text and one request more, and to have what it should have.
func (r *rig) once(f Fault) error {
	if n := r.sends(); n != 2 {
		return fmt.Errorf("the carrier saw %d requests, not 2", n)
	}
	want := 1
	if f.Accept {
		want = 2
	}
	if n := len(r.carrier.Sent()); n != want {
		return fmt.Errorf("the carrier took %d texts, not %d", n, want)
	}
	return nil
}

func checkDown(ctx context.Context, r *rig) error {
	r.carrier.SetDown(true)
	defer r.carrier.SetDown(false)
	_, err := r.send(ctx, r.text())
	if err == nil {
		return errors.New("it was reported as accepted")
	}
	return wantReason(r.provider.Name(), err, notSent)
}

func checkAfter(status int) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		f := Fault{Kind: FaultStatus, Status: status, RetryAfter: 7 * time.Second}
		if _, err := r.meet(ctx, f); err == nil {
			return errors.New("it was reported as accepted")
		} else if after, ok := sms.RetryAfter(err); !ok || after != f.RetryAfter {
			return fmt.Errorf("sms.RetryAfter says %v, %v", after, ok)
		} else {
			return errors.Join(wantReason(r.provider.Name(), err, notSent), r.once(f))
		}
	}
}

// checkUnauthorized allows a second request: an adapter with a token that ran out renews it once. The carrier knows
// that it sent nothing.
func checkUnauthorized(ctx context.Context, r *rig) error {
	f := Fault{Kind: FaultStatus, Status: http.StatusUnauthorized}
	r.carrier.Fail(f, f, f)
	return r.refused(ctx, r.text(), 2, channel.ReasonCredentials)
}

func checkRecovers(ctx context.Context, r *rig) error {
	for _, f := range []Fault{{Kind: FaultReset}, {Kind: FaultHTML}, {Kind: FaultStatus, Status: http.StatusTooManyRequests}} {
		r.carrier.Fail(f)
		if _, err := r.send(ctx, r.text()); err == nil {
			return fmt.Errorf("%s was reported as accepted", f.Kind)
		}
		if _, err := r.accepted(ctx, r.text()); err != nil {
			return fmt.Errorf("after %s: %w", f.Kind, err)
		}
	}
	return nil
}
