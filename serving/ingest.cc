// SPDX-License-Identifier: Apache-2.0
#include "serving/ingest.h"

#include <string>
#include <utility>

#include "base/bytes.h"
#include "featurestore/record_batch.h"
#include "serving/index_epoch.h"
#include "serving/index_sink.h"

namespace larder::serving {
namespace {

constexpr size_t kMaxProducerBytes = 256;

StatusOr<featurestore::RecordFormat> FormatOf(const v1::IngestRequest& request) {
  switch (request.format()) {
    case v1::RECORD_FORMAT_UNSPECIFIED:
    case v1::RECORD_FORMAT_JSON: return featurestore::RecordFormat::kJson;
    case v1::RECORD_FORMAT_JSON_TEXT: return featurestore::RecordFormat::kJsonText;
    default: break;
  }
  return InvalidArgument("format: ", static_cast<int>(request.format()), " is unknown");
}

StatusOr<featurestore::IngestRequest> ToStore(const v1::IngestRequest& request) {
  featurestore::IngestRequest out;
  if (request.source().empty() || request.source().size() > kMaxNameBytes ||
      !IsUtf8(request.source())) {
    return InvalidArgument("source: expected 1 to ", kMaxNameBytes, " bytes of UTF-8");
  }
  if (request.producer().size() > kMaxProducerBytes || !IsUtf8(request.producer())) {
    return InvalidArgument("producer: at most ", kMaxProducerBytes, " bytes of UTF-8");
  }
  const auto records = static_cast<size_t>(request.records_size());
  if (records == 0) return InvalidArgument("records: a batch has at least one");
  if (records > featurestore::kMaxBatchRecords) {
    return InvalidArgument("records: at most ", featurestore::kMaxBatchRecords, ", got ", records);
  }
  size_t bytes = 0;
  for (const std::string& record : request.records()) bytes += record.size();
  if (bytes > featurestore::kMaxBatchBytes) {
    return InvalidArgument("records: at most ", featurestore::kMaxBatchBytes, " bytes, got ",
                           bytes);
  }
  LARDER_ASSIGN_OR_RETURN(out.format, FormatOf(request));
  out.source = request.source();
  out.revision = request.revision();
  out.producer = request.producer();
  out.sequence = request.sequence();
  out.history = request.history();
  out.records.assign(request.records().begin(), request.records().end());
  return out;
}

// Errors: kResourceExhausted while an index of the source's vectors has too many outside of its
// base.
Status CheckIndexes(const std::string& source, const Context& context) {
  const IndexSink& indexes = context.backend.indexes;
  if (indexes.full() == 0) return OkStatus();
  LARDER_ASSIGN_OR_RETURN(const auto snapshot, ReadStore(context));
  for (const LiveIndex* live : indexes.All(*snapshot)) {
    if (live->source != source || !indexes.IsFull(*live)) continue;
    // One that nobody searches yet holds up nobody.
    const registry::VectorFeature* feature = FindLive(live->feature, *snapshot);
    if (feature == nullptr || !IsActive(*feature, *snapshot)) continue;
    return ResourceExhausted("the index of '", live->name, "' has ", live->index->delta_size(),
                             " vectors outside of its base, the most that --max-delta allows; it ",
                             "takes more once it has another base, which a job makes: `larder "
                             "status` shows it, and why it fails if it does");
  }
  return OkStatus();
}

StatusOr<featurestore::IngestResult> Ingest(const v1::IngestRequest& request,
                                            const Context& context) {
  LARDER_ASSIGN_OR_RETURN(const featurestore::IngestRequest batch, ToStore(request));
  LARDER_RETURN_IF_ERROR(CheckDeadline(context));
  LARDER_RETURN_IF_ERROR(CheckIndexes(batch.source, context));
  return context.backend.store.Ingest(batch);
}

}  // namespace

v1::IngestResponse IngestBatch(const v1::IngestRequest& request, const Context& context) {
  v1::IngestResponse ack;
  ack.set_sequence(request.sequence());
  const StatusOr<featurestore::IngestResult> result = Ingest(request, context);
  if (!result.ok()) {
    ack.set_code(static_cast<uint32_t>(result.status().code()));
    ack.set_message(std::string(Message(result.status())));
    return ack;
  }
  uint32_t accepted = 0;
  uint32_t duplicates = 0;
  for (size_t i = 0; i < result->records.size(); ++i) {
    const featurestore::RecordResult& record = result->records[i];
    if (record.status.ok()) {
      ++accepted;
      duplicates += record.duplicate ? 1 : 0;
      continue;
    }
    v1::RecordStatus* status = ack.add_not_ok();
    status->set_index(static_cast<uint32_t>(i));
    status->set_code(static_cast<uint32_t>(record.status.code()));
    status->set_message(std::string(Message(record.status)));
    if (record.position > featurestore::Position{}) {
      status->mutable_position()->set_value(record.position.value);
    }
  }
  ack.set_accepted(accepted);
  ack.set_duplicates(duplicates);
  if (accepted > 0) ack.mutable_last_position()->set_value(result->last.value);
  return ack;
}

}  // namespace larder::serving
