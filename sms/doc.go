// Package sms is the SMS channel: the [Provider] and [Account] interfaces that an adapter implements, the set-up
// [Form] that a host renders, the typed [SendError], and what is the same for every carrier: segments and encodings,
// splitting of long texts, and the STOP, START and HELP keywords.
//
// Adapters are packages of their own (sms/twilio, sms/bandwidth), so that a host links only the ones it names.
package sms
