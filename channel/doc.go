// Package channel is the vocabulary that a desk and a carrier share: addresses, texts in and out, attachments,
// delivery states and consent. It has no policy and no I/O, and imports nothing else of this module.
//
// [Channel] is the whole port: everything the engine needs from a way to reach customers is Send and Parse. Package
// sms is the one that ships; its [github.com/livedesk/livedesk-go/sms.Account] is a Channel opened by a provider.
package channel
