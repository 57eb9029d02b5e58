// Package livedesk is the desk itself: it takes customers' texts in over the channels of its workspaces, keeps them as
// conversations, gives each to somebody who is there, and delivers what the desk answers.
//
// A host makes one [Engine] from a [Store] and a [Config], mounts [Engine.Webhooks] in its mux, keeps [Engine.Run] going,
// and works through the [Desk] of each workspace:
//
//	engine, err := livedesk.New(store, livedesk.Config{
//		PublicURL: "https://desk.example.com/sms",
//		Providers: []sms.Provider{twilio.New(twilio.Config{})},
//		Sealer:    ring,
//	})
//	mux.Handle("/sms/", engine.Webhooks())
//	go engine.Run(ctx)
//	desk := engine.Desk("main")
//
// Channels, agents and their lists are data: they are put in and changed while the engine runs, by any process.
//
// # What holds
//
// A webhook is answered 2xx after its text is committed, and a text counts once, however often it comes. A contact has
// at most one live conversation on a channel. Automatic assignment takes nobody above capacity. After STOP is committed
// nothing leaves for that contact on that channel. A text leaves at most once: an attempt whose outcome nobody knows is
// [Unknown], then [Unconfirmed], and never repeated by itself.
//
// # Stores
//
// Package memstore keeps a desk in memory, sqlitestore in one SQLite file, pgstore in PostgreSQL for many processes.
// Package storetest holds a Store of the host's own to the contract.
package livedesk
