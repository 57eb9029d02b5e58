package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// paper is a provider of the tests' own, whose answers they write. Its account has only the capabilities that are set.
type paper struct {
	nothing  bool // it opens no account
	noNumber bool // its channels have neither number nor pool
	verify   func(ctx context.Context, values map[string]string) error
	register func(ctx context.Context, values map[string]string) error
	webhooks func(url string, values map[string]string) []sms.Webhook
	open     func(sms.Settings) error

	mu     sync.Mutex
	send   func(channel.Outbound) error
	sent   []string       // texts that were tried, accepted or not
	opened []sms.Settings // in order
}

var paperValues = map[string]string{"name": "Paper", "phone_number": "+15105550177", "account": "A1", "token": "CANARY-paper-token"}

func (p *paper) Name() string { return "paper" }

func (p *paper) Form() sms.Form {
	number := sms.FieldNumber
	if p.noNumber {
		number = sms.FieldText
	}
	return sms.Form{Provider: "paper", Fields: []sms.Field{
		{Name: "name", Kind: sms.FieldName, Scope: sms.ScopeChannel, Required: true},
		{Name: "phone_number", Kind: number, Scope: sms.ScopeChannel, Required: true, Pattern: `\+[0-9]{7,15}`},
		{Name: "account", Kind: sms.FieldText, Scope: sms.ScopeIdentity, Required: true},
		{Name: "region", Kind: sms.FieldText, Scope: sms.ScopeConnection},
		{Name: "token", Kind: sms.FieldText, Scope: sms.ScopeConnection, Required: true, Secret: true},
	}}
}

func (p *paper) Open(s sms.Settings) (sms.Account, error) {
	p.mu.Lock()
	p.opened = append(p.opened, s)
	p.mu.Unlock()
	if p.open != nil {
		if err := p.open(s); err != nil {
			return nil, err
		}
	}
	a := &paperAccount{p, s}
	switch {
	case p.nothing:
		return nil, nil
	case p.verify != nil && p.register != nil && p.webhooks != nil:
		return struct {
			*paperAccount
			paperVerifier
			paperRegistrar
			paperTeller
		}{a, paperVerifier{a}, paperRegistrar{a}, paperTeller{a}}, nil
	case p.verify != nil:
		return struct {
			*paperAccount
			paperVerifier
		}{a, paperVerifier{a}}, nil
	case p.register != nil:
		return struct {
			*paperAccount
			paperRegistrar
		}{a, paperRegistrar{a}}, nil
	}
	return a, nil
}

// last returns what the newest account was opened with.
func (p *paper) last() sms.Settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened[len(p.opened)-1]
}

func (p *paper) answer(send func(channel.Outbound) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.send = send
}

// tried returns the texts that reached Send.
func (p *paper) tried() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.sent...)
}

type paperAccount struct {
	p *paper
	s sms.Settings
}

func (a *paperAccount) Send(_ context.Context, m channel.Outbound) (channel.Accepted, error) {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	a.p.sent = append(a.p.sent, m.Text)
	if a.p.send != nil {
		if err := a.p.send(m); err != nil {
			return channel.Accepted{}, err
		}
	}
	return channel.Accepted{ID: fmt.Sprint("P", len(a.p.sent)), Status: channel.StatusDelivered}, nil
}

func (a *paperAccount) Parse(*http.Request, []byte) ([]channel.Event, error) {
	return nil, channel.ErrForged
}

type paperVerifier struct{ a *paperAccount }

func (v paperVerifier) Verify(ctx context.Context, values map[string]string) error {
	return v.a.p.verify(ctx, values)
}

type paperRegistrar struct{ a *paperAccount }

func (r paperRegistrar) Register(ctx context.Context, values map[string]string) error {
	return r.a.p.register(ctx, values)
}

type paperTeller struct{ a *paperAccount }

func (t paperTeller) Webhooks(values map[string]string) []sms.Webhook {
	return t.a.p.webhooks(t.a.s.WebhookURL, values)
}

// What a carrier may answer to a send.
func refusedCredentials() error {
	return &sms.SendError{Provider: "paper", Status: 401, Code: "20003", Reason: channel.ReasonCredentials}
}

func notReached() error {
	return &sms.SendError{Provider: "paper", Reason: channel.ReasonRetry, Err: errors.New("dial: connection refused")}
}
