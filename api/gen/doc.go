// Package gen is generated from api/openapi.yaml by oapi-codegen (`make generate`): request and response types, and the
// interface that the handlers in package api implement. It is never edited by hand and owns no logic.
package gen
