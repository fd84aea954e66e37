// SPDX-License-Identifier: Apache-2.0
// Retrievals: recipes of candidates. channel_compiler.cc compiles their channels.
#include <algorithm>
#include <utility>

#include "registry/channel_compiler.h"
#include "registry/compile_context.h"
#include "registry/nearest_name.h"
#include "registry/role_scope.h"

namespace larder::registry {
namespace {

constexpr int64_t kMaxLimit = 2'000;
constexpr uint32_t kDefaultLimit = 100;
constexpr size_t kMaxChannels = 32;

// Compiles one `retrieval` document.
class RetrievalCompiler {
 public:
  RetrievalCompiler(const Document& document, CompileContext& context)
      : document_(document),
        context_(context),
        what_(Concat("retrieval ", document.name().text)) {}

  void Compile() {
    const size_t before = context_.diagnostics.size();
    std::optional<RoleFrame> frame = ReadRoleFrame(document_, context_);
    if (!frame) return;
    frame_ = *std::move(frame);
    retrieval_.name = document_.name().text;
    retrieval_.request = frame_.request->request.name;
    retrieval_.candidate = frame_.candidate;
    retrieval_.roles = frame_.roles;
    retrieval_.request_columns = frame_.request->request.columns;
    bool good = ReadChannels();
    good = ReadConditions() && good;
    good = ReadScore() && good;
    good = ReadLimit() && good;
    good = ReadReturn() && good;
    if (good && context_.diagnostics.size() == before) Finish();
  }

 private:
  void Complain(const SourceText& at, std::string_view message) {
    context_.Complain(at, Concat(what_, ": ", message));
  }

  bool ReadChannels() {
    const YamlNode* channels = document_.Map("channels");
    if (channels == nullptr) return false;
    if (channels->entries.empty() || channels->entries.size() > kMaxChannels) {
      Complain(channels->text, Concat("needs 1 to ", kMaxChannels, " channels"));
      return false;
    }
    bool good = true;
    JsonObject canonical;
    for (const YamlEntry& entry : channels->entries) {
      if (!CheckName(entry.key, what_, context_.diagnostics)) continue;
      const std::string what = Concat(what_, ", channel ", entry.key.text);
      channel_names_.insert(entry.key.text);
      if (entry.value.kind != YamlNode::Kind::kMap && !entry.value.broken) {
        context_.Complain(entry.value.text, Concat(what, ": expected a map"));
      }
      if (entry.value.kind != YamlNode::Kind::kMap || entry.value.broken) {
        good = false;
        continue;
      }
      std::optional<CompiledChannel> channel =
          CompileChannel(entry.value, what, frame_, usage_, context_);
      good = good && channel.has_value();
      if (!channel) continue;
      channel->channel.name = entry.key.text;
      canonical.Set(entry.key.text, channel->canonical);
      retrieval_.channels.push_back(std::move(channel->channel));
    }
    // By name, so that the order in the document does not matter.
    std::sort(retrieval_.channels.begin(), retrieval_.channels.end(),
              [](const Channel& a, const Channel& b) { return a.name < b.name; });
    canonical_.Set("channels", canonical.ToString());
    return good;
  }

  bool ReadConditions() {
    bool good = true;
    if (const SourceText* where = document_.Text("where")) {
      std::string canonical;
      retrieval_.where =
          CompileCondition(*where, Concat(what_, ", where"), frame_, usage_, context_, canonical);
      canonical_.SetText("where", canonical);
      good = retrieval_.where.has_value();
    }
    if (const YamlNode* exclude = document_.List("exclude")) {
      good = ReadExclude(*exclude) && good;
    }
    return good;
  }

  bool ReadExclude(const YamlNode& list) {
    const std::string what = Concat(what_, ", exclude");
    ProgramBuilder builder;
    FeatureResolver resolver(context_, builder);
    RoleScope scope(resolver, frame_, usage_);
    CandidateDependence dependence(builder, frame_.candidate_role());
    std::vector<int> outputs;
    std::vector<std::string> canonical;
    bool good = true;
    for (const YamlNode& item : list.items) {
      if (item.broken || item.kind != YamlNode::Kind::kScalar) {
        if (!item.broken) context_.Complain(item.text, Concat(what, ": expected expressions"));
        good = false;
        continue;
      }
      const std::optional<Expr> expr = ReadExpression(item.text, what, context_);
      std::vector<Diagnostic> complaints;
      const int node = expr ? Lower(*expr, scope, builder, complaints) : -1;
      context_.Take(std::move(complaints), what);
      good = good && node >= 0;
      if (node < 0) continue;
      const Type& type = builder.type(node);
      if (type.kind != Kind::kKey || type.of != frame_.candidate) {
        context_.Complain(item.text, Concat(what, ": expected keys of ", frame_.candidate, ", got ",
                                            type.Name()));
        good = false;
      } else if (dependence.Of(node)) {
        context_.Complain(item.text, Concat(what, ": must not depend on the candidate; use "
                                            "'where:' for that"));
        good = false;
      }
      outputs.push_back(node);
      canonical.push_back(JsonText(Canonical(*expr)));
    }
    if (!good || outputs.empty()) return good;
    retrieval_.exclude = builder.Finish(outputs);
    canonical_.Set("exclude", JsonList(canonical));
    return true;
  }

  bool ReadScore() {
    const SourceText* score = document_.Text("score");
    if (score == nullptr) {
      for (size_t i = 0; i < retrieval_.channels.size(); ++i) {
        if (retrieval_.channels[i].kind != Channel::Kind::kSample) retrieval_.rrf.push_back(i);
      }
    } else {
      const std::string what = Concat(what_, ", score");
      const std::optional<Expr> expr = ReadExpression(*score, what, context_);
      if (!expr) return false;
      if (!expr->IsCall("rrf") || !expr->clauses.empty()) {
        context_.Complain(*score, Concat(what, ": expressions other than rrf(channel, …) are not "
                                         "supported yet"));
        return false;
      }
      std::vector<Diagnostic> complaints;
      for (const Expr& arg : expr->args) ReadScored(arg, complaints);
      if (expr->args.empty()) Report(complaints, *expr, "rrf needs at least one channel");
      const bool good = complaints.empty();
      context_.Take(std::move(complaints), what);
      if (!good) return false;
    }
    SetCanonicalScore();
    return true;
  }

  void ReadScored(const Expr& arg, std::vector<Diagnostic>& complaints) {
    if (arg.kind != Expr::Kind::kPath || arg.names.size() != 1) {
      Report(complaints, arg, "rrf takes the names of channels");
      return;
    }
    const std::string& name = arg.names[0];
    for (size_t i = 0; i < retrieval_.channels.size(); ++i) {
      if (retrieval_.channels[i].name != name) continue;
      if (retrieval_.channels[i].kind == Channel::Kind::kSample) {
        Report(complaints, arg, "channel '", name, "' is a sample, which has no ranks (S9.2)");
      } else if (std::count(retrieval_.rrf.begin(), retrieval_.rrf.end(), i) > 0) {
        Report(complaints, arg, "channel '", name, "' is named twice");
      } else {
        retrieval_.rrf.push_back(i);
      }
      return;
    }
    if (channel_names_.contains(name)) return;  // it is broken, which was said
    const std::vector<std::string_view> known(channel_names_.begin(), channel_names_.end());
    Report(complaints, arg, "no channel '", name, "'", DidYouMean(name, known));
  }

  void SetCanonicalScore() {
    if (retrieval_.rrf.empty()) return;
    std::string score;
    for (const size_t index : retrieval_.rrf) {
      score.append(score.empty() ? "rrf(" : ", ").append(retrieval_.channels[index].name);
    }
    canonical_.SetText("score", score + ")");
  }

  bool ReadLimit() {
    retrieval_.limit = kDefaultLimit;
    if (const SourceText* limit = document_.Text("limit")) {
      const auto read = ReadInteger(*limit, 1, kMaxLimit, Concat(what_, ", limit"), context_);
      if (!read) return false;
      retrieval_.limit = static_cast<uint32_t>(*read);
    }
    canonical_.SetText("limit", std::to_string(retrieval_.limit));
    return true;
  }

  bool ReadReturn() {
    const SourceText* name = document_.Text("return");
    if (name == nullptr) return !document_.Has("return");
    if (!context_.Require(*name, {DocumentKind::kSet}, Concat(what_, ", return"))) return false;
    const auto it = context_.sets.find(name->text);
    if (it == context_.sets.end()) return false;  // it is broken, which was said
    const FeatureSet& set = it->second;
    if (set.request != retrieval_.request || set.candidate != retrieval_.candidate) {
      Complain(*name, Concat("set ", set.name, " is for ", set.request, " with candidate ",
                             set.candidate, "; this is for ", retrieval_.request,
                             " with candidate ", retrieval_.candidate));
      return false;
    }
    retrieval_.return_set = set.name;
    retrieval_.return_digest = set.digest;
    usage_.names.insert(set.name);
    usage_.parts["set " + set.name] = set.digest;
    AddNeeds(set.needs);
    canonical_.SetText("return", set.name);
    return true;
  }

  void AddNeeds(const std::vector<StoredFeature>& needs) {
    for (const StoredFeature& need : needs) {
      const bool known = std::any_of(
          retrieval_.needs.begin(), retrieval_.needs.end(),
          [&](const StoredFeature& n) { return n.id == need.id && n.ttl == need.ttl; });
      if (!known) retrieval_.needs.push_back(need);
    }
  }

  void Finish() {
    for (const Channel& channel : retrieval_.channels) {
      if (channel.kind == Channel::Kind::kNear) AddNeeds({channel.feature});
      AddNeeds(NeedsOf(channel.program));
      if (channel.where) AddNeeds(NeedsOf(*channel.where));
    }
    if (retrieval_.where) AddNeeds(NeedsOf(*retrieval_.where));
    if (retrieval_.exclude) AddNeeds(NeedsOf(*retrieval_.exclude));
    canonical_.SetText("for", retrieval_.request);
    canonical_.SetText("candidate", retrieval_.candidate);
    usage_.names.insert(retrieval_.request);
    usage_.names.insert(retrieval_.candidate);
    const std::string canonical = canonical_.ToDocument("retrieval", retrieval_.name);
    context_.Define(document_, canonical, canonical, usage_);
    retrieval_.digest = context_.definitions.at(retrieval_.name).digest;
    context_.retrievals.emplace(retrieval_.name, std::move(retrieval_));
  }

  const Document& document_;
  CompileContext& context_;
  const std::string what_;
  RoleFrame frame_;
  Usage usage_;
  JsonObject canonical_;
  std::set<std::string> channel_names_;
  Retrieval retrieval_;
};

}  // namespace

void CompileRetrievals(CompileContext& context) {
  for (const auto& [name, document] : context.by_name) {
    if (document->kind() != DocumentKind::kRetrieval) continue;
    RetrievalCompiler(*document, context).Compile();
  }
}

}  // namespace larder::registry
