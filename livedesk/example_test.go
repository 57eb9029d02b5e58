package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/routing"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// exampleDesk is a desk with one channel on a fake carrier, for the examples.
func exampleDesk(cfg livedesk.Config) (*livedesk.Engine, *livedesk.Desk, livedesk.Channel, *smstest.Twilio) {
	carrier, err := smstest.OpenTwilio(smstest.TwilioConfig{})
	if err != nil {
		panic(err)
	}
	cfg.PublicURL = "https://desk.example.com/sms"
	cfg.Providers = append(cfg.Providers, twilio.New(twilio.Config{Transport: carrier.Transport()}))
	cfg.Logger = slog.New(slog.DiscardHandler)
	engine, err := livedesk.New(memstore.New(), cfg)
	if err != nil {
		panic(err)
	}
	desk := engine.Desk("main")
	ch, err := desk.PutChannel(context.Background(), livedesk.Channel{Provider: "twilio", Values: twilio.Setup{
		Name: "Support", PhoneNumber: smstest.TwilioNumber, AccountSID: smstest.TwilioAccountSID,
		AuthToken: sms.NewSecret(smstest.TwilioAuthToken),
	}.Values()})
	if err != nil {
		panic(err)
	}
	url, err := desk.WebhookURL(context.Background(), ch.ID)
	if err != nil {
		panic(err)
	}
	carrier.SetWebhooks(url, smstest.HandlerTransport(engine.Webhooks()))
	return engine, desk, ch, carrier
}

// The zero Config works: a desk without providers, on a store in memory.
func ExampleNew() {
	engine, err := livedesk.New(memstore.New(), livedesk.Config{})
	fmt.Println(engine != nil, err)

	_, err = livedesk.New(memstore.New(), livedesk.Config{Providers: []sms.Provider{twilio.New(twilio.Config{})}, Lease: -1})
	fmt.Println(err)
	// Output:
	// true <nil>
	// PublicURL: is required with Providers
	// Lease: can't be negative
}

func ExampleEngine_Webhooks() {
	engine, err := livedesk.New(memstore.New(), livedesk.Config{PublicURL: "https://desk.example.com/sms"})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/sms/", engine.Webhooks()) // the path of PublicURL, or whatever a proxy makes of it
	fmt.Println("mounted")
	// Output: mounted
}

func ExampleDesk_Reply() {
	ctx := context.Background()
	engine, desk, ch, carrier := exampleDesk(livedesk.Config{})
	_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: "ada", Capacity: 4})
	_ = desk.SetMembers(ctx, ch.ID, []string{"ada"})
	_ = desk.SetPresence(ctx, "ada", livedesk.Online, 5*time.Minute)

	_, _ = carrier.Deliver(ctx, smstest.Text{Body: "Is the 2 pm slot still free?"})
	for c, err := range desk.AllConversations(ctx, livedesk.List{Assignee: "ada"}) {
		if err != nil {
			panic(err)
		}
		// The key makes a repeated request of the browser harmless.
		_, err = desk.Reply(ctx, c.ID, livedesk.AgentActor("ada"), livedesk.Draft{Text: "Yes, it is yours.", Key: "click-1"})
		fmt.Println(c.Preview, err)
	}
	_ = engine.Settle(ctx)
	fmt.Println(carrier.Sent()[0].Body)
	// Output:
	// Is the 2 pm slot still free? <nil>
	// Yes, it is yours.
}

// An inbox: its badges, and one page after the other.
func ExampleDesk_Conversations() {
	ctx := context.Background()
	_, desk, _, carrier := exampleDesk(livedesk.Config{})
	for _, from := range []channel.Address{"+14155550123", "+14155550134", "+14155550145"} {
		_, _ = carrier.Deliver(ctx, smstest.Text{From: from, Body: "Hello from …" + string(from[8:])})
	}
	badges, err := desk.Counts(ctx, livedesk.CountQuery{Agent: "ada"})
	fmt.Println(badges.Open, badges.Unassigned, badges.Mine, err)

	list := livedesk.List{States: []livedesk.State{livedesk.Open}, Order: livedesk.LongestWaiting, Limit: 2}
	for {
		page, err := desk.Conversations(ctx, list)
		if err != nil {
			panic(err)
		}
		for _, c := range page.Items {
			fmt.Println(c.Preview)
		}
		if page.Next == "" {
			break
		}
		list.After = page.Next // as it is in the address of a web page's "next"
		fmt.Println("--")
	}
	// Output:
	// 3 3 0 <nil>
	// Hello from …0123
	// Hello from …0134
	// --
	// Hello from …0145
}

// A screen shows a conversation as it was written, and what became of each text.
func ExampleDesk_Latest() {
	ctx := context.Background()
	engine, desk, ch, carrier := exampleDesk(livedesk.Config{})
	_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: "ada"})
	first, err := desk.Start(ctx, ch.ID, "+14155550123", livedesk.AgentActor("ada"), livedesk.Draft{Text: "Your table is free."})
	if err != nil {
		panic(err)
	}
	_ = engine.Settle(ctx)
	_ = carrier.Wait(ctx) // for the receipts
	_, _ = carrier.Deliver(ctx, smstest.Text{From: "+14155550123", Body: "On my way!"})

	entries, err := desk.Latest(ctx, first.Conversation, 0, 50)
	fmt.Println(err)
	for _, m := range livedesk.ReadingOrder(entries) {
		switch m.Kind {
		case livedesk.Outgoing:
			fmt.Println(m.By.ID+":", m.Text, "("+m.Delivery.State+")")
		case livedesk.Incoming:
			fmt.Println("customer:", m.Text)
		}
	}
	// Output:
	// <nil>
	// ada: Your table is free. (delivered)
	// customer: On my way!
}

func ExampleDesk_Start() {
	ctx := context.Background()
	_, desk, ch, _ := exampleDesk(livedesk.Config{})
	_, err := desk.Start(ctx, ch.ID, "72345", livedesk.Actor{Kind: livedesk.ActorHost}, livedesk.Draft{Text: "Hello"})
	fmt.Println(errors.Is(err, livedesk.ErrNotReplyable), livedesk.ErrorCode(err), livedesk.HTTPStatus(err))
	// Output: true not_replyable 422
}

func ExampleHooks() {
	ctx := context.Background()
	engine, _, _, carrier := exampleDesk(livedesk.Config{Hooks: livedesk.Hooks{
		Message: func(_ context.Context, m livedesk.Message) {
			if m.Kind == livedesk.Incoming {
				fmt.Println("in:", m.Text)
			}
		},
	}})
	_, _ = carrier.Deliver(ctx, smstest.Text{Body: "Hello?"})
	_ = engine.Settle(ctx) // waits for hooks, too
	// Output: in: Hello?
}

func ExampleConfig_router() {
	ctx := context.Background()
	engine, desk, _, carrier := exampleDesk(livedesk.Config{
		Router: routing.RouterFunc(func(f routing.Facts) routing.Decision {
			if f.Contact.Country == "US" {
				return routing.Decision{Targets: []routing.Target{{Kind: routing.ToAgent, ID: "ada"}}, Labels: []string{"us"}}
			}
			return routing.Decision{} // pass
		}),
	})
	_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: "ada"})
	_ = desk.SetPresence(ctx, "ada", livedesk.Online, 0)
	_, _ = carrier.Deliver(ctx, smstest.Text{Body: "Hi", Fields: map[string]string{"FromCountry": "US"}})
	_ = engine.Settle(ctx)
	page, _ := desk.Conversations(ctx, livedesk.List{})
	fmt.Println(page.Items[0].Assignee, page.Items[0].Labels)
	// Output: ada [us]
}

func ExampleNewKeyRing() {
	old, next := make([]byte, 32), []byte("0123456789abcdef0123456789abcdef")
	before, _ := livedesk.NewKeyRing(old)
	sealed, _ := before.Seal(context.Background(), []byte("token"), "connection 1")

	after, _ := livedesk.NewKeyRing(next, old) // the new key seals, both open
	plain, err := after.Open(context.Background(), sealed, "connection 1")
	fmt.Println(string(plain), err)
	_, err = after.Open(context.Background(), sealed, "connection 2")
	fmt.Println(err)
	// Output:
	// token <nil>
	// sealed text was changed, or is about something else
}
