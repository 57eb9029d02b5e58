// Package smstest has fake SMS carriers that speak the real HTTP of Twilio and Bandwidth in both directions, and the
// contract of [sms.Provider] and [sms.Account] as a test suite ([RunProvider]).
//
// A fake checks every request as the real carrier does (credentials, account, fields, limits), answers in its shapes,
// posts signed webhooks and delivery receipts, serves the files of customers' texts ([Media]), and breaks in the ways that
// carriers and networks break ([Fault]). It keeps a log of what it was asked, what it took and what it posted. It is
// strict where the real one is lenient, so that a misspelt field is seen: an unknown parameter is refused.
//
// A fake is reached in two ways. URL is real HTTP on 127.0.0.1. Transport is a [net/http.RoundTripper] without any
// socket, for use inside [testing/synctest] bubbles; a fake used in a bubble must be made in that bubble, because its
// timers and waits belong to it. Webhooks go out through a RoundTripper too: [HandlerTransport] takes them straight
// to a handler, whatever host their URL names.
//
// Nothing here reaches a phone, and nothing here may be reachable from outside: credentials are constants.
package smstest
