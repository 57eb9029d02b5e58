// Command quickstart answers every text: on the real Twilio if TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_NUMBER and
// PUBLIC_URL (the way from the internet to port 8080 of this machine) are set, else in one exchange with a simulated one.
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, stop, os.Stdout, os.Getenv); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, stop func(), out io.Writer, env func(string) string) error {
	account := twilio.Setup{Name: "Support", PhoneNumber: channel.Address(env("TWILIO_NUMBER")),
		AccountSID: env("TWILIO_ACCOUNT_SID"), AuthToken: sms.NewSecret(env("TWILIO_AUTH_TOKEN"))}
	carrier, publicURL, fake := twilio.Config{}, env("PUBLIC_URL"), (*smstest.Twilio)(nil)
	if account.PhoneNumber == "" || account.AccountSID == "" || account.AuthToken.IsZero() || publicURL == "" {
		fake, _ = smstest.OpenTwilio(smstest.TwilioConfig{}) // speaks Twilio's HTTP and reaches no phone
		account.PhoneNumber, account.AccountSID, account.AuthToken = smstest.TwilioNumber, smstest.TwilioAccountSID, sms.NewSecret(smstest.TwilioAuthToken)
		carrier.Transport, publicURL = fake.Transport(), "https://desk.example.com"
	}
	var desk *livedesk.Desk
	engine, err := livedesk.New(memstore.New(), livedesk.Config{
		PublicURL: publicURL, Providers: []sms.Provider{twilio.New(carrier)}, Hooks: livedesk.Hooks{ // called after the commit
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
				if fmt.Fprintf(out, "desk: %s (%s)\n", m.Text, m.Delivery.State); fake != nil && m.Delivery.State.Final() {
					stop() // the exchange is over
				}
			},
		}})
	if err != nil {
		return err
	}
	desk = engine.Desk("main")
	support, err := desk.PutChannel(ctx, livedesk.Channel{Provider: twilio.Name, Values: account.Values()})
	if err != nil {
		return err
	}
	webhook, err := desk.WebhookURL(ctx, support.ID) // below PublicURL, with a key in it
	if err != nil {
		return err
	}
	if fake != nil {
		fake.SetWebhooks(webhook, smstest.HandlerTransport(engine.Webhooks()))
		go fake.Deliver(ctx, smstest.Text{Body: "Is my order on its way?"})
	} else {
		fmt.Fprintf(out, "Twilio must post to %s#rc=5&rp=all\n", webhook)
		server := http.Server{Addr: ":8080", Handler: engine.Webhooks(), ReadHeaderTimeout: 5 * time.Second}
		go func() { log.Fatal(server.ListenAndServe()) }()
	}
	return engine.Run(ctx) // delivers until ctx ends, then finishes what is in flight
}
