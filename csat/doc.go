// Package csat is the satisfaction survey that follows a resolved conversation: its settings ([Survey]), the grammar
// that reads a rating out of a text ([Parse]), what a text means for a survey that is open ([Survey.Read]), the token
// of a rating link ([Token]), and the figures of many surveys ([Tally], [Report], CSV).
//
// Everything here is pure: no clock, no store, no network. A desk decides when a survey is sent and keeps what came
// back; this package says what it means. Package livedesk doesn't do that yet: it sends no survey and reads
// no rating. This package imports nothing else of this module.
//
// Consent comes first. A desk reads STOP, START and HELP before it asks this package, so that an opt-out wins over
// any answer.
package csat
