package aiagent_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/aiagent"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// A customer writes, and a model answers. Here a few lines stand in for the endpoint and a fake carrier for Twilio.
func Example() {
	ctx := context.Background()
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"choices":[{"message":{"role":"assistant","content":"Until ten."},"finish_reason":"stop"}]}`)
	}))
	defer endpoint.Close()
	agent, err := aiagent.New(aiagent.Config{BaseURL: endpoint.URL + "/v1", Model: "small", Instructions: "You answer for Bella's."})
	if err != nil {
		panic(err)
	}

	carrier, err := smstest.OpenTwilio(smstest.TwilioConfig{})
	if err != nil {
		panic(err)
	}
	engine, err := livedesk.New(memstore.New(), livedesk.Config{
		PublicURL: "https://desk.example.com/sms", Logger: slog.New(slog.DiscardHandler),
		Providers: []sms.Provider{twilio.New(twilio.Config{Transport: carrier.Transport()})},
		AIAgents:  []livedesk.AIConfig{{Name: "bella", Agent: agent}},
	})
	if err != nil {
		panic(err)
	}
	desk := engine.Desk("main")
	ch, err := desk.PutChannel(ctx, livedesk.Channel{
		Provider: "twilio", UseAI: true, AIAgents: []string{"bella"},
		Values: twilio.Setup{
			Name: "Support", PhoneNumber: smstest.TwilioNumber,
			AccountSID: smstest.TwilioAccountSID, AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
		}.Values(),
	})
	if err != nil {
		panic(err)
	}
	url, _ := desk.WebhookURL(ctx, ch.ID)
	carrier.SetWebhooks(url, smstest.HandlerTransport(engine.Webhooks()))

	_, _ = carrier.Deliver(ctx, smstest.Text{From: "+14155550101", Body: "How long are you open?"})
	_ = engine.Settle(ctx)
	for _, s := range carrier.Sent() {
		fmt.Println(s.Body)
	}
	for c := range desk.AllConversations(ctx, livedesk.List{}) {
		fmt.Println(c.State, c.AI)
	}
	// Output:
	// Until ten.
	// pending bella
}
