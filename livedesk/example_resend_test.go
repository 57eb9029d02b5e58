package livedesk_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// Nobody can tell whether a text arrived: the desk shows it, the agent is asked, and may send it once more.
func ExampleDesk_Resend() {
	ctx := context.Background()
	engine, desk, ch, carrier := exampleDesk(livedesk.Config{VerdictAfter: time.Millisecond}) // 15 min in a real one
	_, _ = desk.PutAgent(ctx, livedesk.Agent{ID: "ada"})

	carrier.Fail(smstest.Fault{Kind: smstest.FaultReset}) // the connection breaks after the text was written to it
	text, _ := desk.Start(ctx, ch.ID, "+14155550123", livedesk.AgentActor("ada"), livedesk.Draft{Text: "Your parcel is here."})
	_ = engine.Settle(ctx)
	for text.Delivery.State != livedesk.Unconfirmed { // Hooks.Delivery tells it in a real one
		time.Sleep(time.Millisecond)
		_ = engine.Settle(ctx)
		text, _ = desk.Message(ctx, text.ID)
	}
	last := text.Delivery.History[len(text.Delivery.History)-2]
	fmt.Printf("%s: %s\n", text.Delivery.State, last.Detail)

	if text.Delivery.State.Resendable() { // "It may have arrived. Send it again?" "Yes."
		again, err := desk.Resend(ctx, text.ID, livedesk.AgentActor("ada"))
		fmt.Println(again.ResendOf == text.ID, err)
		twice, _ := desk.Resend(ctx, text.ID, livedesk.AgentActor("ada")) // a second click
		fmt.Println(twice.ID == again.ID)
		_ = engine.Settle(ctx)

		_, err = desk.Resend(ctx, again.ID, livedesk.AgentActor("ada"))
		state, _ := errors.AsType[*livedesk.DeliveryError](err)
		fmt.Println(state != nil, livedesk.ErrorCode(err))
	}
	fmt.Println(len(carrier.Sent()))
	// Output:
	// unconfirmed: not at the carrier
	// true <nil>
	// true
	// true wrong_state
	// 1
}

// The webhooks of an hour were refused; the carrier's list brings what customers wrote.
func ExampleDesk_Backfill() {
	ctx := context.Background()
	_, desk, ch, carrier := exampleDesk(livedesk.Config{})
	url, _ := desk.WebhookURL(ctx, ch.ID)
	carrier.SetWebhooks(url, smstest.HandlerTransport(refusing))
	_, _ = carrier.Deliver(ctx, smstest.Text{Body: "Is anybody there?"})

	out, err := desk.Backfill(ctx, ch.ID, time.Now().Add(-time.Hour))
	fmt.Println(out.New, err)
	page, _ := desk.Conversations(ctx, livedesk.List{Channel: ch.ID})
	fmt.Println(page.Items[0].Preview)
	// Output:
	// 1 <nil>
	// Is anybody there?
}

func ExampleDesk_CancelQueued() {
	ctx := context.Background()
	engine, desk, ch, carrier := exampleDesk(livedesk.Config{})
	_ = desk.PauseChannel(ctx, ch.ID, livedesk.Actor{Kind: livedesk.ActorHost}, "wrong price in the campaign")
	for i := range 3 {
		to := channel.Address(fmt.Sprintf("+1415555010%d", i))
		_, _ = desk.Notify(ctx, ch.ID, to, livedesk.Draft{Text: "Only today: 50 % off"})
	}
	n, err := desk.CancelQueued(ctx, livedesk.QueuedQuery{Channel: ch.ID}, livedesk.AgentActor("ada"))
	fmt.Println(n, err)
	_ = desk.ResumeChannel(ctx, ch.ID, livedesk.Actor{Kind: livedesk.ActorHost})
	_ = engine.Settle(ctx)
	fmt.Println(len(carrier.Sent()))
	// Output:
	// 3 <nil>
	// 0
}
