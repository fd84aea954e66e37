// SPDX-License-Identifier: Apache-2.0
#include "text/import/transformer_import.h"

#include <algorithm>
#include <initializer_list>

#include "text/transformer/transformer_weights.h"

namespace larder::text {
namespace {

Status PlanPooling(const ModelDirectory& model, const ImportOptions& options,
                   TransformerPlan& plan) {
  if (model.pooling && options.pooling && *model.pooling != *options.pooling) {
    return InvalidArgument("--pooling ", PoolingName(*options.pooling), ", modules.json says ",
                           PoolingName(*model.pooling));
  }
  plan.config.pooling = options.pooling.value_or(model.pooling.value_or(Pooling::kMean));
  if (!model.pooling) {
    plan.notes.push_back(Concat("there is no modules.json: ", PoolingName(plan.config.pooling),
                                " pooling and vectors of length 1 are ",
                                options.pooling ? "taken" : "assumed"));
  } else if (!model.normalizes) {
    plan.notes.emplace_back(
        "vectors are scaled to length 1, which the model does not do; cosines are the same");
  }
  return OkStatus();
}

Status PlanTokens(const ModelDirectory& model, const Tokenizer& tokenizer,
                  const ImportOptions& options, TransformerPlan& plan) {
  const int32_t positions = plan.config.max_tokens();
  if (options.max_tokens.value_or(0) > positions) {
    return InvalidArgument("--max-tokens ", *options.max_tokens, ", the model has ", positions,
                           " positions");
  }
  plan.max_tokens =
      options.max_tokens.value_or(std::min(model.max_tokens.value_or(positions), positions));
  const size_t symbols = tokenizer.before().size() + tokenizer.after().size();
  if (static_cast<size_t>(plan.max_tokens) <= symbols) {
    return InvalidArgument(plan.max_tokens, " tokens of a text, of which ", symbols,
                           " are the symbols around it");
  }
  return OkStatus();
}

// The prompt of the first name that there is, else the one that is used unasked.
std::string PromptOf(const ModelDirectory& model, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const auto found = model.prompts.find(std::string(name));
    if (found != model.prompts.end()) return found->second;
  }
  const auto unasked = model.prompts.find(model.default_prompt);
  return unasked == model.prompts.end() ? "" : unasked->second;
}

void PlanPrompts(const ModelDirectory& model, TransformerPlan& plan) {
  plan.query_prompt = PromptOf(model, {"query"});
  plan.document_prompt = PromptOf(model, {"document", "passage"});
  for (const auto& [name, prompt] : model.prompts) {
    if (prompt.empty() || prompt == plan.query_prompt || prompt == plan.document_prompt) continue;
    plan.notes.push_back(Concat("the prompt '", name, "' is left out"));
  }
}

}  // namespace

StatusOr<TransformerPlan> PlanTransformer(std::string_view config_json,
                                          std::string_view config_file,
                                          const ModelDirectory& model, const Tokenizer& tokenizer,
                                          const ImportOptions& options) {
  TransformerPlan plan;
  LARDER_ASSIGN_OR_RETURN(plan.config, ParseBertConfig(config_json, config_file));
  plan.config.precision = options.precision.value_or(Precision::kInt8);
  LARDER_RETURN_IF_ERROR(PlanPooling(model, options, plan));
  LARDER_RETURN_IF_ERROR(PlanTokens(model, tokenizer, options, plan));
  PlanPrompts(model, plan);
  return plan;
}

Status CheckTransformerWeights(std::string_view weights, std::string_view file,
                               const TransformerConfig& config, const Tokenizer& tokenizer) {
  LARDER_ASSIGN_OR_RETURN(const auto opened, TransformerWeights::Open(weights, file, config));
  if (opened.vocab_size() < static_cast<size_t>(tokenizer.vocab_size())) {
    return DataLoss(file, ": ", opened.vocab_size(), " rows of words, the tokenizer has ",
                    tokenizer.vocab_size(), " pieces");
  }
  return OkStatus();
}

}  // namespace larder::text
