package twilio_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twilio/twilio-go/client"

	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// usualForm is the webhook of a text as Twilio documents it, with its twenty parameters.
func usualForm(t testing.TB) (raw string, form url.Values) {
	t.Helper()
	p := inboundData(t)[0]
	form, err := url.ParseQuery(p.Raw)
	require.NoError(t, err)
	return p.Raw, form
}

// BenchmarkSignature checks one usual form, with the SDK's own validator beside ours.
func BenchmarkSignature(b *testing.B) {
	raw, form := usualForm(b)
	signature := twilio.Signature(testToken, testWebhook, form)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !twilio.ValidSignature(testToken, testWebhook, form, signature) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("ours forged", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if twilio.ValidSignature(testToken, testWebhook, form, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=") {
				b.Fatal("accepted")
			}
		}
	})
	b.Run("twilio-go", func(b *testing.B) {
		v := client.NewRequestValidator(testToken)
		params := map[string]string{}
		for k := range form {
			params[k] = form.Get(k)
		}
		b.ReportAllocs()
		for b.Loop() {
			if !v.Validate(testWebhook, params, signature) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("twilio-go with body", func(b *testing.B) {
		v := client.NewRequestValidator(testToken)
		b.ReportAllocs()
		for b.Loop() {
			if !v.ValidateBody(testWebhook, []byte(raw), signature) {
				b.Fatal("refused")
			}
		}
	})
}

// BenchmarkParse is a whole webhook: media type, form, signature, strict reading, fields.
func BenchmarkParse(b *testing.B) {
	raw, _ := usualForm(b)
	a := open(b, twilio.Config{}, settings())
	r := webhook(testWebhook, raw)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Parse(r, []byte(raw)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	a := open(b, twilio.Config{Transport: answers(201, nil, created)}, settings())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Send(b.Context(), outbound()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkList is a page of 200 texts that came in, decoded and mapped.
func BenchmarkList(b *testing.B) {
	rows := make([]map[string]any, 200)
	for n := range rows {
		rows[n] = row(map[string]any{"sid": sid(n)})
	}
	a := open(b, twilio.Config{Transport: answers(200, nil, answer(nil, rows...))}, settings())
	b.ReportAllocs()
	for b.Loop() {
		out, err := list(b, a, sms.ListQuery{})
		if err != nil || len(out) != 200 {
			b.Fatal(len(out), err)
		}
	}
}
