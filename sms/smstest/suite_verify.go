package smstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/livedesk/livedesk-go/sms"
)

// verifyClauses hold an account that is a [sms.Verifier] to that interface.
var verifyClauses = []clause{
	{"verify", "Verify finds nothing wrong where nothing is, and sends no text.", checkVerify},
	{"verify_credentials", "Credentials that the carrier refuses are a FieldErrors that names fields of the connection.", checkVerifyCredentials},
	{"verify_sender", "A number or pool that the account doesn't have is a FieldErrors that names its field.", checkVerifySender},
	{"verify_sender_shape", "So is one that is none.", checkVerifyShape},
	{"verify_down", "A carrier that can't be reached says nothing against the values; the error is an UncheckedError.", checkVerifyDown},
	{"verify_503", "Nor does one that is out of order, at whichever request; what it was about may be known by other means.", checkVerifyFaults(Fault{Kind: FaultStatus, Status: http.StatusServiceUnavailable})},
	{"verify_429", "Nor does one that wants fewer requests.", checkVerifyFaults(Fault{Kind: FaultStatus, Status: http.StatusTooManyRequests})},
	{"verify_garbage", "Nor does an answer that can't be read.", checkVerifyFaults(Fault{Kind: FaultGarbage})},
	{"verify_canceled", "Verify honours its context.", checkVerifyCanceled},
}

// capability is the account as an optional interface. One that it isn't counts as errors.ErrUnsupported, which is in
// order, so the clause is skipped.
func capability[T any](r *rig) (T, error) {
	v, ok := r.current().(T)
	if !ok {
		return v, absent(fmt.Sprintf("the account is no %T", (*T)(nil))) // "*sms.Verifier"
	}
	return v, nil
}

// verify asks for the case's values with some of them changed. Those of the connection the account has from Open.
func (r *rig) verify(ctx context.Context, change map[string]string) error {
	v, err := capability[sms.Verifier](r)
	if err != nil {
		return err
	}
	return r.seen(v.Verify(ctx, r.values(change)))
}

// values are the case's without the secrets, as the form validates them, with some of them changed.
func (r *rig) values(change map[string]string) map[string]string {
	out, _ := r.form.Validate(r.c.Values) // open has seen that they are in order
	for name := range r.settings.Secrets {
		delete(out, name)
	}
	maps.Copy(out, change)
	return out
}

func checkVerify(ctx context.Context, r *rig) error {
	if err := r.verify(ctx, nil); err != nil {
		return err
	}
	if n := r.sends(); n > 0 {
		return fmt.Errorf("the carrier saw %d requests to send", n)
	}
	return nil
}

// fieldsOf returns the fields that an error names, each with a problem said in words.
func fieldsOf(err error) ([]string, error) {
	if errors.As(err, new(absent)) {
		return nil, err
	}
	errs, ok := errors.AsType[sms.FieldErrors](err)
	if !ok || len(errs) == 0 {
		return nil, fmt.Errorf("%v is no FieldErrors", err)
	}
	var names []string
	for _, e := range errs {
		if len(strings.Fields(e.Problem)) < 2 {
			return nil, fmt.Errorf("%s: %q says nothing", e.Field, e.Problem)
		}
		names = append(names, e.Field)
	}
	return names, nil
}

func checkVerifyCredentials(ctx context.Context, r *rig) error {
	if err := r.reopen(r.rotated()); err != nil {
		return err
	}
	names, err := fieldsOf(r.verify(ctx, nil))
	if err != nil {
		return err
	}
	for _, name := range names {
		if f, ok := r.form.Field(name); !ok || f.Scope == sms.ScopeChannel {
			return fmt.Errorf("%s is named, which is no field of the connection", name)
		}
	}
	return nil
}

// senderField is the field of the case's number or pool.
func (r *rig) senderField() string {
	want := sms.FieldNumber
	if r.pool != "" {
		want = sms.FieldPool
	}
	i := slices.IndexFunc(r.form.Fields, func(f sms.Field) bool { return f.Kind == want })
	return r.form.Fields[i].Name
}

// foreign is a sender of the right shape that the carrier doesn't have.
func (r *rig) foreign() string {
	if r.pool != "" {
		return r.pool[:len(r.pool)-4] + "beef"
	}
	return foreignNumber
}

// foreignNumber is of the range that Twilio keeps for tests; no account has it.
const foreignNumber = "+15005550006"

func checkVerifySender(ctx context.Context, r *rig) error {
	return r.wantSenderNamed(r.verify(ctx, map[string]string{r.senderField(): r.foreign()}))
}

func checkVerifyShape(ctx context.Context, r *rig) error {
	for _, v := range []string{"", "nonsense"} {
		if err := r.wantSenderNamed(r.verify(ctx, map[string]string{r.senderField(): v})); err != nil {
			return fmt.Errorf("%q: %w", v, err)
		}
	}
	return nil
}

func (r *rig) wantSenderNamed(err error) error {
	names, err := fieldsOf(err)
	if err == nil && !slices.Equal(names, []string{r.senderField()}) {
		err = fmt.Errorf("it names %q, not %q", names, r.senderField())
	}
	return err
}

// wantUnchecked wants an error that says nothing against the values.
func wantUnchecked(err error) error {
	if err == nil {
		return errors.New("it was found in order")
	}
	if errors.As(err, new(absent)) {
		return err
	}
	if _, ok := errors.AsType[sms.FieldErrors](err); ok {
		return fmt.Errorf("the values are blamed: %w", err)
	}
	open, ok := errors.AsType[*sms.UncheckedError](err)
	if !ok || len(open.Fields) == 0 {
		return fmt.Errorf("%v is no *sms.UncheckedError with fields", err)
	}
	for _, f := range open.Fields {
		if !strings.HasPrefix(f.Problem, "could not be checked") {
			return fmt.Errorf("%s: the problem is %q", f.Field, f.Problem)
		}
	}
	return nil
}

func checkVerifyDown(ctx context.Context, r *rig) error {
	r.carrier.SetDown(true)
	defer r.carrier.SetDown(false)
	return wantUnchecked(r.verify(ctx, nil))
}

// faulter is a Carrier that can spoil requests of every kind.
type faulter interface {
	FailFunc(choose func(Request) Fault)
}

// nth spoils the nth request from now on, counted from 0, and reports whether there was one.
func (r *rig) nth(n int, f Fault) (met func() bool, err error) {
	c, ok := r.carrier.(faulter)
	if !ok {
		return nil, absent("the carrier can't spoil requests of every kind")
	}
	seen := 0
	c.FailFunc(func(Request) Fault {
		r.mu.Lock()
		defer r.mu.Unlock()
		if seen++; seen-1 == n {
			return f
		}
		return Fault{}
	})
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return seen > n
	}, nil
}

// everyRequest does something with its first request spoiled, then with its second, until it makes no more, and wants
// each time the error that is right.
func (r *rig) everyRequest(f Fault, do func() error, want func(error) error) error {
	for n := 0; ; n++ {
		met, err := r.nth(n, f)
		if err != nil {
			return err
		}
		err = do()
		switch {
		case !met() && err == nil && n == 0:
			return errors.New("it asked nothing")
		case !met():
			return err
		}
		if err := want(err); err != nil {
			return fmt.Errorf("request %d: %w", n+1, err)
		}
	}
}

func checkVerifyFaults(f Fault) func(context.Context, *rig) error {
	return func(ctx context.Context, r *rig) error {
		if err := r.verify(ctx, nil); err != nil {
			return err
		}
		return r.everyRequest(f, func() error { return r.verify(ctx, nil) }, func(err error) error {
			if err == nil {
				return nil
			}
			return wantUnchecked(err)
		})
	}
}

func checkVerifyCanceled(ctx context.Context, r *rig) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	err := r.verify(ctx, nil)
	if err := wantUnchecked(err); err != nil {
		return err
	}
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%v does not wrap context.Canceled", err)
	}
	return nil
}
