package smstest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// listClauses hold an account that is a [sms.Lister] to that interface.
var listClauses = []clause{
	{"list_inbound", "A text that came in is listed as its webhook reported it.", checkListInbound},
	{"list_unheard", "So is one whose webhook failed.", checkListUnheard},
	{"list_outbound", "A text that went out is listed as its receipt, with what tells which it is.", checkListOutbound},
	{"list_failed", "One that failed has the carrier's code and a reason.", checkListFailed},
	{"list_order", "The newest come first, and at most Limit.", checkListOrder},
	{"list_pages", "What doesn't fit on one page of the carrier is listed all the same, once.", checkListPages},
	{"list_direction", "Direction selects what came in, or what went out.", checkListDirection},
	{"list_addresses", "From and To select by address.", checkListAddresses},
	{"list_time", "Since and Until select by time of creation, [Since, Until).", checkListTime},
	{"list_down", "A carrier that can't be reached is a SendError, and none is unknown.", checkListDown},
	{"list_429", "A rate limit is ReasonRetry with Retry-After, at whichever request.", checkListLimited},
	{"list_credentials", "Credentials that the carrier refuses are ReasonCredentials.", checkListCredentials},
	{"list_canceled", "List honours its context.", checkListCanceled},
}

func (r *rig) list(ctx context.Context, q sms.ListQuery) ([]sms.Listed, error) {
	lister, err := capability[sms.Lister](r)
	if err != nil {
		return nil, err
	}
	out, err := lister.List(ctx, q)
	if err != nil && out != nil {
		return nil, errors.New("messages came beside an error")
	}
	for _, l := range out {
		if (l.Inbound == nil) == (l.Receipt == nil) {
			return nil, errors.New("an entry is not exactly one of Inbound and Receipt")
		}
		if l.Created.IsZero() || l.Created.Location() != time.UTC {
			return nil, errors.New("an entry has no time of creation in UTC")
		}
	}
	return out, r.seen(err)
}

// only lists what can be just one entry.
func (r *rig) only(ctx context.Context, q sms.ListQuery) (sms.Listed, error) {
	out, err := r.list(ctx, q)
	if err == nil && len(out) != 1 {
		err = fmt.Errorf("%d entries are listed, not 1", len(out))
	}
	if err != nil {
		return sms.Listed{}, err
	}
	return out[0], nil
}

func checkListInbound(ctx context.Context, r *rig) error {
	for _, text := range []Text{
		{To: r.from, Body: canary},
		{To: r.from, Body: "two files", Media: []string{"https://media.example.com/1.png", "https://media.example.com/2.jpg"}},
	} {
		in, err := r.inbound(ctx, text)
		if err != nil {
			return err
		}
		l, err := r.only(ctx, sms.ListQuery{Direction: sms.DirectionInbound, Limit: 1})
		if err == nil {
			err = sameInbound(l, in)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sameInbound(l sms.Listed, in channel.Inbound) error {
	got := l.Inbound
	switch {
	case got == nil:
		return errors.New("it is listed as gone out")
	case got.ID != in.ID, got.From != in.From, got.To != in.To, got.Pool != in.Pool, got.Text != in.Text:
		return fmt.Errorf("the webhook said %+v, the list %+v", in, *got)
	case l.From != in.From, l.To != in.To, l.Pool != in.Pool, l.Text != in.Text:
		return errors.New("the entry says otherwise than its Inbound")
	case len(got.Media) != len(in.Media):
		return fmt.Errorf("the webhook had %d attachments, the list %d", len(in.Media), len(got.Media))
	}
	for i, m := range got.Media {
		if m.URL == "" || m.ContentType != in.Media[i].ContentType {
			return fmt.Errorf("attachment %d was %+v, is %+v", i+1, in.Media[i], m)
		}
	}
	return nil
}

func checkListUnheard(ctx context.Context, r *rig) error {
	nobody := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	r.carrier.SetWebhooks(r.settings.WebhookURL, HandlerTransport(nobody))
	d, err := r.carrier.Deliver(ctx, Text{To: r.from, Body: canary})
	if err != nil || d.OK() {
		return fmt.Errorf("delivery ended with %d, %v", d.Status, err)
	}
	l, err := r.only(ctx, sms.ListQuery{})
	if err == nil && (l.Inbound == nil || l.Inbound.ID != d.ID) {
		err = errors.New("another text is listed")
	}
	return err
}

func checkListOutbound(ctx context.Context, r *rig) error {
	m := r.text()
	s, err := r.accepted(ctx, m)
	if err != nil {
		return err
	}
	if err := r.carrier.Wait(ctx); err != nil {
		return err
	}
	l, err := r.only(ctx, sms.ListQuery{To: m.To, Direction: sms.DirectionOutbound})
	switch {
	case err != nil:
		return err
	case l.Receipt == nil || l.Receipt.ID != s.ID:
		return errors.New("another text is listed")
	case l.Text != m.Text, l.To != m.To, l.Pool != m.Pool, m.From != "" && l.From != m.From:
		return errors.New("it is listed with another text, sender, pool or recipient")
	case l.Receipt.Status != channel.StatusDelivered || l.Receipt.Word == "" || l.Receipt.Reason != channel.ReasonNone:
		return fmt.Errorf("its receipt is %+v", *l.Receipt)
	}
	return nil
}

func checkListFailed(ctx context.Context, r *rig) error {
	s, err := r.accepted(ctx, r.text())
	if err != nil {
		return err
	}
	want, err := r.report(ctx, s.ID, Step{Status: channel.StatusFailed})
	if err != nil {
		return err
	}
	l, err := r.only(ctx, sms.ListQuery{Direction: sms.DirectionOutbound})
	if err == nil && (l.Receipt.Status != want[0].Status || l.Receipt.Code != want[0].Code || l.Receipt.Reason != want[0].Reason) {
		err = fmt.Errorf("the webhook said %+v, the list %+v", want[0], *l.Receipt)
	}
	return err
}

// texts delivers n texts and returns their ids, newest first.
func (r *rig) texts(ctx context.Context, n int) ([]string, error) {
	var ids []string
	for range n {
		d, err := r.carrier.Deliver(ctx, Text{To: r.from, Body: canary})
		if err != nil {
			return nil, err
		}
		ids = append(ids, d.ID)
	}
	slices.Reverse(ids)
	return ids, nil
}

func inboundIDs(listed []sms.Listed) (ids []string) {
	for _, l := range listed {
		if l.Inbound != nil {
			ids = append(ids, l.Inbound.ID)
		}
	}
	return ids
}

func checkListOrder(ctx context.Context, r *rig) error {
	ids, err := r.texts(ctx, 5)
	if err != nil {
		return err
	}
	for _, limit := range []int{0, -1, 1, 3, 5, 6} {
		out, err := r.list(ctx, sms.ListQuery{Limit: limit})
		if err != nil {
			return err
		}
		want := ids
		if limit > 0 {
			want = ids[:min(limit, len(ids))]
		}
		if got := inboundIDs(out); !slices.Equal(got, want) {
			return fmt.Errorf("with Limit %d: %q, not %q", limit, got, want)
		}
	}
	return nil
}

func checkListPages(ctx context.Context, r *rig) error {
	if _, err := capability[sms.Lister](r); err != nil {
		return err
	}
	ids, err := r.texts(ctx, 250) // carriers have 25 to 200 on a page, where nobody asks for more
	if err != nil {
		return err
	}
	out, err := r.list(ctx, sms.ListQuery{})
	if got := inboundIDs(out); err == nil && !slices.Equal(got, ids) {
		err = fmt.Errorf("%d are listed, or in another order, of %d", len(got), len(ids))
	}
	return err
}

func checkListDirection(ctx context.Context, r *rig) error {
	if _, err := capability[sms.Lister](r); err != nil {
		return err
	}
	if _, err := r.accepted(ctx, r.text()); err != nil {
		return err
	}
	if _, err := r.texts(ctx, 2); err != nil {
		return err
	}
	for direction, want := range map[sms.Direction][2]int{"": {2, 1}, sms.DirectionInbound: {2, 0}, sms.DirectionOutbound: {0, 1}} {
		out, err := r.list(ctx, sms.ListQuery{Direction: direction})
		if err != nil {
			return err
		}
		if in := len(inboundIDs(out)); in != want[0] || len(out)-in != want[1] {
			return fmt.Errorf("direction %q: %d came in and %d went out, not %v", direction, in, len(out)-in, want)
		}
	}
	return nil
}

func checkListAddresses(ctx context.Context, r *rig) error {
	const other channel.Address = "+14155550199"
	for _, from := range []channel.Address{Customer, other, other} {
		if _, err := r.carrier.Deliver(ctx, Text{From: from, To: r.from, Body: canary}); err != nil {
			return err
		}
	}
	for q, want := range map[sms.ListQuery]int{{From: Customer}: 1, {From: other}: 2, {To: other}: 0, {From: "+14155550100"}: 0, {From: other, To: r.from}: 2} {
		out, err := r.list(ctx, q)
		if err != nil {
			return err
		}
		if len(out) != want {
			return fmt.Errorf("%d are listed, not %d", len(out), want)
		}
	}
	return nil
}

func checkListTime(ctx context.Context, r *rig) error {
	if _, err := r.texts(ctx, 1); err != nil {
		return err
	}
	l, err := r.only(ctx, sms.ListQuery{})
	if err != nil {
		return err
	}
	if age := time.Since(l.Created); age < -time.Minute || age > time.Minute {
		return fmt.Errorf("it was created %v ago", age)
	}
	second := l.Created.Truncate(time.Second)
	for _, direction := range []sms.Direction{"", sms.DirectionInbound} {
		for _, c := range []struct {
			since, until time.Time
			want         int
		}{
			{since: second, want: 1},
			{since: second.Add(900 * time.Millisecond), want: 1}, // carriers keep whole seconds
			{since: second.Add(time.Second), want: 0},
			{since: second.AddDate(0, 0, -90), want: 1},
			{until: second.Add(time.Second), want: 1},
			{until: second, want: 0},
			{until: second.AddDate(0, 0, -90), want: 0},
			{since: second.Add(-time.Hour).In(time.FixedZone("", 14*3600)), until: second.Add(time.Hour).In(time.FixedZone("", -12*3600)), want: 1},
		} {
			out, err := r.list(ctx, sms.ListQuery{Direction: direction, Since: c.since, Until: c.until})
			if err != nil {
				return err
			}
			if len(out) != c.want {
				return fmt.Errorf("created at %v, [%v, %v): %d are listed", second, c.since, c.until, len(out))
			}
		}
	}
	return nil
}

func checkListDown(ctx context.Context, r *rig) error {
	r.carrier.SetDown(true)
	defer r.carrier.SetDown(false)
	_, err := r.list(ctx, sms.ListQuery{})
	return wantFailed(err)
}

func checkListLimited(ctx context.Context, r *rig) error {
	if _, err := r.carrier.Deliver(ctx, Text{To: r.from, Media: []string{"https://media.example.com/1.png"}}); err != nil {
		return err
	}
	f := Fault{Kind: FaultStatus, Status: http.StatusTooManyRequests, RetryAfter: 7 * time.Second}
	return r.everyRequest(f, func() error {
		_, err := r.list(ctx, sms.ListQuery{})
		if err == nil || errors.As(err, new(absent)) {
			return err
		}
		if after, ok := sms.RetryAfter(err); !ok || after != f.RetryAfter || sms.ReasonOf(err) != channel.ReasonRetry {
			return fmt.Errorf("sms.RetryAfter says %v, %v of %w", after, ok, err)
		}
		return err
	}, wantFailed)
}

func checkListCredentials(ctx context.Context, r *rig) error {
	if err := r.reopen(r.rotated()); err != nil {
		return err
	}
	_, err := r.list(ctx, sms.ListQuery{})
	if errors.As(err, new(absent)) {
		return err
	}
	return wantReason(r.provider.Name(), err, []channel.Reason{channel.ReasonCredentials})
}

func checkListCanceled(ctx context.Context, r *rig) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, err := r.list(ctx, sms.ListQuery{})
	if err := wantFailed(err); err != nil {
		return err
	}
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%v does not wrap context.Canceled", err)
	}
	return nil
}
