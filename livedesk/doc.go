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
// # Setting a channel up
//
// [Engine.Form] says what to fill in, [Desk.Verify] asks the carrier whether it works, [Desk.PutChannel] stores it, and
// [Desk.Register] or [Desk.Webhooks] tells the carrier, or a person, where its webhooks go. Credentials and webhook keys are
// replaced without a restart: the old ones count for [Config.RotationWindow].
//
// A channel that can't send says so in its [Health], in every process, and keeps its queue: a person paused it, or the
// carrier refuses its credentials or can't be reached. It is probed once a minute and goes on by itself.
//
// # Who gets a conversation
//
// The workspace's rules are asked first ([Desk.PutRules]), then the channel's AI agents ([Config] AIAgents, [Channel] UseAI), then
// its human agents, by load or in even turn; a host's own [routing.Router] can stand before all of them. A rule may ask for
// agents with skills, or who speak the customer's language ([Agent], [routing.Target]). Who can't be given to anybody waits, and
// is served as soon as somebody who fits has room; who waits for what nobody has holds nobody up. [Desk.Explain] tells why a conversation went where it went, and
// [Desk.Simulate] where one would go. What the host knows of a customer counts for the rules: [Desk.PutContact],
// [ContactSource].
//
// # Business hours
//
// A channel names a [Schedule] ([Desk.PutSchedule]), or hours of the host's own making ([Config] BusinessHours); a team may
// have one too ([Desk.SetTeamSchedule]). While a channel is closed it does what its [ClosedHours] say: it tells customers so,
// once in a closed period, and lets them wait for the opening where it should; otherwise routing goes on, and rules may ask for
// the hours. A closed team is nobody behind its target. What waits for an opening is served the moment it comes, by whatever
// process is there, and hours that change meanwhile count at once.
//
// # What nobody knows
//
// No carrier has an idempotency key. A text whose outcome is unknown is looked for in the carrier's own list, where it has one,
// and ends [Unconfirmed] when it isn't found beyond doubt; [Desk.Resend] is for a person to decide. What customers wrote while
// webhooks failed comes in by the same list: [Desk.Backfill].
//
// # Opt-outs
//
// A ledger keeps who has opted out of which channel, and how that came: by STOP and its kin, as the carrier says, by hand
// ([Desk.OptOut], [Desk.OptIn]), by import. [Desk.Consent] and [Desk.ConsentHistory] read it, [Desk.ExportConsents] and
// [Desk.ImportConsents] move it. It belongs to the number: it outlives the channel, and [Channel] OptOutScope lets a STOP
// count on all channels. START lifts what STOP, the carrier or an import set, and not what a person decided.
//
// # What holds
//
// A webhook is answered 2xx after its text is committed, and a text counts once, however often it comes. A contact has
// at most one live conversation on a channel. Automatic assignment takes nobody above capacity. After STOP is committed
// nothing leaves for that contact on that channel but one confirmation, where the carrier sends none. A text leaves at most
// once: an attempt whose outcome nobody knows is [Unknown], then [Unconfirmed], and never repeated by itself, unless
// Config.RepeatAbsent allows it.
//
// # Stores
//
// Package memstore keeps a desk in memory, sqlitestore in one SQLite file, pgstore in PostgreSQL for many processes.
// Package storetest holds a Store of the host's own to the contract.
package livedesk
