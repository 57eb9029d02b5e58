// Command quickstart is the smallest desk that works: it answers every text. By itself it plays one exchange over a
// simulated Twilio. With TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_NUMBER and PUBLIC_URL (under which the internet
// reaches port 8080 of this machine) it serves the real one until Ctrl-C.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Getenv); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, env func(string) string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	// The carrier: Twilio if there is an account, else a fake that speaks the same HTTP and reaches no phone.
	account := twilio.Setup{Name: "Support", PhoneNumber: channel.Address(env("TWILIO_NUMBER")),
		AccountSID: env("TWILIO_ACCOUNT_SID"), AuthToken: sms.NewSecret(env("TWILIO_AUTH_TOKEN"))}
	carrier, publicURL, fake := twilio.Config{}, env("PUBLIC_URL"), (*smstest.Twilio)(nil)
	if account.PhoneNumber == "" || account.AccountSID == "" || account.AuthToken.IsZero() || publicURL == "" {
		fake, _ = smstest.OpenTwilio(smstest.TwilioConfig{}) // fails on a wrong configuration only
		account.PhoneNumber, account.AccountSID = smstest.TwilioNumber, smstest.TwilioAccountSID
		account.AuthToken = sms.NewSecret(smstest.TwilioAuthToken)
		carrier.Transport, publicURL = fake.Transport(), "https://desk.example.com"
	}
	// The engine tells what happened, after it was stored. A hook may use the desk.
	var desk *livedesk.Desk
	hooks := livedesk.Hooks{
		Message: func(ctx context.Context, m livedesk.Message) {
			if m.Kind == livedesk.Incoming {
				fmt.Fprintf(out, "customer: %s\n", m.Text)
				answer := livedesk.Draft{Text: "Thanks, we are looking into it.", Key: "answer-" + m.ID} // the key: never twice
				if _, err := desk.Reply(ctx, m.Conversation, livedesk.Actor{Kind: livedesk.ActorHost}, answer); err != nil {
					fmt.Fprintf(out, "not answered: %v\n", err) // after STOP, for one
				}
			}
		},
		Delivery: func(_ context.Context, m livedesk.Message) {
			fmt.Fprintf(out, "desk: %s (%s)\n", m.Text, m.Delivery.State)
			if fake != nil && m.Delivery.State.Final() {
				stop() // the exchange is over
			}
		},
	}
	engine, err := livedesk.New(memstore.New(), livedesk.Config{
		PublicURL: publicURL, Providers: []sms.Provider{twilio.New(carrier)}, Hooks: hooks})
	if err != nil {
		return err
	}
	desk = engine.Desk("main")
	support, err := desk.PutChannel(ctx, livedesk.Channel{Provider: twilio.Name, Values: account.Values()})
	if err != nil {
		return err
	}
	webhook, err := desk.WebhookURL(ctx, support.ID)
	if err != nil {
		return err
	}
	if fake != nil {
		fake.SetWebhooks(webhook, smstest.HandlerTransport(engine.Webhooks()))
		go fake.Deliver(ctx, smstest.Text{Body: "Is my order on its way?"})
	} else {
		fmt.Fprintf(out, "Twilio must post incoming messages to %s#rc=5&rp=all\n", webhook)
		server := &http.Server{Addr: ":8080", Handler: engine.Webhooks(), ReadHeaderTimeout: 5 * time.Second}
		go func() { log.Fatal(server.ListenAndServe()) }()
	}
	return engine.Run(ctx) // delivers until ctx ends, then finishes what is in flight
}
