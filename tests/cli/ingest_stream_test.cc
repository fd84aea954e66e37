// SPDX-License-Identifier: Apache-2.0
#include "cli/ingest/ingest_stream.h"

#include <gmock/gmock.h>

#include <functional>
#include <future>
#include <sstream>

#include "base/file_system.h"
#include "cli/json.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace larder::cli {
namespace {

using testing::HasSubstr;

// What the server does with one batch; an ended stream if it returns false.
using Answer = std::function<bool(const v1::IngestRequest& request, v1::IngestResponse& response)>;

class FakeService final : public v1::IngestService::Service {
 public:
  FakeService(Answer answer, grpc::Status end) : answer_(std::move(answer)), end_(std::move(end)) {}
  grpc::Status Ingest(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>* stream) override {
    v1::IngestRequest request;
    while (stream->Read(&request)) {
      v1::IngestResponse response;
      response.set_sequence(request.sequence());
      if (!answer_(request, response)) return end_;
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

 private:
  const Answer answer_;
  const grpc::Status end_;
};

// Acknowledges nothing, until it is released; takes what is sent, or not even that.
class SilentService final : public v1::IngestService::Service {
 public:
  SilentService(bool reads, std::future<void> release)
      : reads_(reads), release_(std::move(release)) {}
  grpc::Status Ingest(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>* stream) override {
    v1::IngestRequest request;
    while (reads_ && stream->Read(&request)) continue;
    release_.wait();
    return grpc::Status::OK;
  }

 private:
  const bool reads_;
  const std::future<void> release_;
};

class IngestStreamTest : public testing::Test {
 protected:
  void Serve(Answer answer, grpc::Status end = {grpc::StatusCode::UNAVAILABLE, "shutting down"}) {
    Start(std::make_unique<FakeService>(std::move(answer), std::move(end)), "30s");
  }

  void Start(std::unique_ptr<v1::IngestService::Service> service, const std::string& timeout) {
    service_ = std::move(service);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    Cli cli{.io = {text_, text_}, .action = {}};
    cli.server = Concat("127.0.0.1:", port);
    cli.timeout = timeout;
    auto client = Client::Connect(cli);
    ASSERT_OK(client);
    client_ = std::make_unique<Client>(*std::move(client));
    stream_ = std::make_unique<IngestStream>(*client_, rejects_);
  }

  static IngestBatch Batch(uint64_t first_line, size_t records) {
    IngestBatch batch;
    batch.file = "items.jsonl";
    batch.request.set_source("items");
    for (size_t i = 0; i < records; ++i) {
      batch.lines.push_back(first_line + i);
      batch.request.add_records(Concat("{\"line\":", first_line + i, "}"));
    }
    return batch;
  }

  // Either may say what ended the stream.
  Status SendAndFinish(IngestBatch batch) {
    const Status status = stream_->Send(std::move(batch));
    return status.ok() ? stream_->Finish() : status;
  }
  static bool Accept(const v1::IngestRequest& request, v1::IngestResponse& response) {
    response.set_accepted(static_cast<uint32_t>(request.records_size()));
    response.mutable_last_position()->set_value(request.sequence() * 10);
    return true;
  }

  const TempDir dir_;
  const std::string rejects_path_ = dir_.File("rejects.jsonl");
  std::ostringstream text_;
  RejectLog rejects_{rejects_path_, text_};
  std::unique_ptr<v1::IngestService::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<IngestStream> stream_;
  std::promise<void> release_;  // last: what waits for it is released when it goes
};

TEST_F(IngestStreamTest, CountsWhatWasAcknowledged) {
  Serve(Accept);

  for (uint64_t i = 0; i < 50; ++i) ASSERT_OK(stream_->Send(Batch(1 + i * 3, 3)));
  ASSERT_OK(stream_->Finish());

  EXPECT_EQ(stream_->totals().accepted, 150u);
  EXPECT_EQ(stream_->totals().position, 500u);
  EXPECT_EQ(rejects_.count(), 0u);
}

TEST_F(IngestStreamTest, RejectedRecordsAreNamedAndWritten) {
  Serve([](const v1::IngestRequest& request, v1::IngestResponse& response) {
    response.set_accepted(static_cast<uint32_t>(request.records_size() - 1));
    v1::RecordStatus* bad = response.add_not_ok();
    bad->set_index(1);
    bad->set_code(3);
    bad->set_message("field 'price': expected double, got text");
    return true;
  });

  ASSERT_OK(stream_->Send(Batch(7, 3)));
  ASSERT_OK(stream_->Finish());

  EXPECT_EQ(rejects_.count(), 1u);
  EXPECT_EQ(text_.str(),
            "items.jsonl:8: INVALID_ARGUMENT: field 'price': expected double, got text\n");
  ASSERT_OK_AND_ASSIGN(const std::string file, FileSystem::Posix().Read(rejects_path_, 10'000));
  const Json line = Json::parse(file);
  EXPECT_EQ(line["at"], "items.jsonl:8");
  EXPECT_EQ(line["record"], "{\"line\":8}");
}

TEST_F(IngestStreamTest, ABatchThatHadNoRoomIsSentAgain) {
  int calls = 0;
  Serve([&](const v1::IngestRequest& request, v1::IngestResponse& response) {
    if (++calls % 2 == 1) {
      response.set_code(8);
      response.set_message("queue is full");
      return true;
    }
    return Accept(request, response);
  });

  for (uint64_t i = 0; i < 4; ++i) ASSERT_OK(stream_->Send(Batch(1 + i, 1)));
  ASSERT_OK(stream_->Finish());

  EXPECT_EQ(stream_->totals().accepted, 4u);
}

TEST_F(IngestStreamTest, ABatchThatCanNeverGoInEndsIt) {
  Serve([](const v1::IngestRequest&, v1::IngestResponse& response) {
    response.set_code(5);
    response.set_message("there is no source 'items'");
    return true;
  });

  const Status status = SendAndFinish(Batch(1, 1));

  EXPECT_THAT(status, StatusIs(StatusCode::kNotFound, testing::StartsWith("there is no")));
}

TEST_F(IngestStreamTest, AServerThatGoesAwayIsUnavailable) {
  Serve([](const v1::IngestRequest& request, v1::IngestResponse& response) {
    return request.sequence() < 3 && Accept(request, response);
  });

  Status status;
  for (uint64_t i = 0; i < 20 && status.ok(); ++i) status = stream_->Send(Batch(1 + i, 1));
  if (status.ok()) status = stream_->Finish();

  EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable, HasSubstr("shutting down")));
  EXPECT_EQ(stream_->totals().accepted, 2u);
}

TEST_F(IngestStreamTest, AServerThatStopsIsUnavailable) {
  Serve([](const v1::IngestRequest&, v1::IngestResponse&) { return false; },
        {grpc::StatusCode::CANCELLED, "Cancelled on the server side"});

  const Status status = SendAndFinish(Batch(1, 1));

  EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable, HasSubstr("it is stopping")));
  EXPECT_EQ(ExitCodeOf(status), kExitNoServer);
}

TEST_F(IngestStreamTest, ABatchThatIsWrongIsNamedByWhereItBegins) {
  Serve([](const v1::IngestRequest&, v1::IngestResponse& response) {
    response.set_code(3);
    response.set_message("records: at most 10000");
    return true;
  });

  const Status status = SendAndFinish(Batch(7, 1));

  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, HasSubstr("items.jsonl:7: records")));
}

TEST_F(IngestStreamTest, AServerThatEndsTheStreamAsIfAllWereWellIsUnavailableToo) {
  Serve([](const v1::IngestRequest&, v1::IngestResponse&) { return false; }, grpc::Status::OK);

  Status status;
  for (uint64_t i = 0; i < 20 && status.ok(); ++i) status = stream_->Send(Batch(1 + i, 1));
  if (status.ok()) status = stream_->Finish();

  EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable, HasSubstr("unacknowledged")));
  EXPECT_EQ(stream_->totals().accepted, 0u);
}

TEST_F(IngestStreamTest, AReplyAboutAnUnknownRecordIsAnErrorAndNoCrash) {
  Serve([](const v1::IngestRequest&, v1::IngestResponse& response) {
    response.add_not_ok()->set_index(99);
    return true;
  });

  const Status status = SendAndFinish(Batch(1, 1));

  EXPECT_THAT(status, StatusIs(StatusCode::kInternal, HasSubstr("beyond it")));
}

TEST_F(IngestStreamTest, CanBeGivenUpHalfWay) {
  Serve(Accept);

  ASSERT_OK(stream_->Send(Batch(1, 1)));
  stream_.reset();
}

TEST_F(IngestStreamTest, AServerThatAcknowledgesNothingIsGivenUp) {
  Start(std::make_unique<SilentService>(/*reads=*/true, release_.get_future()), "100ms");

  const Status status = SendAndFinish(Batch(1, 1));

  EXPECT_THAT(status, StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("nothing for 100ms")));
}

TEST_F(IngestStreamTest, AServerThatReadsNothingIsGivenUp) {
  Start(std::make_unique<SilentService>(/*reads=*/false, release_.get_future()), "100ms");
  IngestBatch large = Batch(1, 1);
  large.request.set_records(0, std::string(size_t{8} << 20, 'x'));  // more than gRPC buffers

  Status status = stream_->Send(std::move(large));
  for (uint64_t i = 2; i < 10 && status.ok(); ++i) status = stream_->Send(Batch(i, 1));

  EXPECT_THAT(status, StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("nothing for 100ms")));
}

TEST_F(IngestStreamTest, AServerThatNeverEndsTheStreamIsGivenUp) {
  Start(std::make_unique<SilentService>(/*reads=*/true, release_.get_future()), "100ms");

  EXPECT_THAT(stream_->Finish(), StatusIs(StatusCode::kDeadlineExceeded, HasSubstr("--timeout")));
}

TEST_F(IngestStreamTest, PollTellsThatTheServerWentAway) {
  Serve([](const v1::IngestRequest&, v1::IngestResponse&) { return false; });
  ASSERT_OK(stream_->Send(Batch(1, 1)));

  Status status;
  while (status.ok()) status = stream_->Poll();

  EXPECT_THAT(status, StatusIs(StatusCode::kUnavailable, HasSubstr("shutting down")));
}

}  // namespace
}  // namespace larder::cli
