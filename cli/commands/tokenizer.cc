// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece/sentencepiece_tokenizer.h"

#include <ostream>
#include <utility>

#include "base/file_system.h"
#include "cli/catalog.h"
#include "cli/commands/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/number_option.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/read_request.h"
#include "text/sentencepiece/tokenizer_trainer.h"

namespace larder::cli {
namespace {

constexpr char kExamples[] =
    "  larder tokenizer train --items catalog.jsonl --fields title,content --out tokenizer.model";

struct Options {
  std::vector<std::string> items;
  std::vector<std::string> fields{"title,content"};
  std::string out;
  std::string model = "unigram";
  bool keep_punctuation = false;
  text::TokenizerTrainingOptions training;
};

StatusOr<int> Run(Cli& cli, const Options& options) {
  text::TokenizerTrainingOptions training = options.training;
  training.model =
      options.model == "bpe" ? text::TokenizerModel::kBpe : text::TokenizerModel::kUnigram;
  training.drop_punctuation = !options.keep_punctuation;
  LARDER_RETURN_IF_ERROR(CheckIsNoInput("--out", options.out, options.items));
  LARDER_ASSIGN_OR_RETURN(const auto texts, ReadTexts(options.items, SplitCommas(options.fields)));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  Progress progress(cli.io.err);
  const std::string line = Concat("training on ", FormatCount(texts.size()), " texts");
  progress.Show(line);
  const auto show = [&](std::string_view, uint64_t, uint64_t) {
    if (progress.Due()) progress.Show(Concat(line, ", ", FormatNumber(progress.seconds()), " s"));
  };
  LARDER_ASSIGN_OR_RETURN(const std::string bytes, text::TrainTokenizer(views, training, show));
  progress.Finish();
  LARDER_ASSIGN_OR_RETURN(const auto tokenizer, text::OpenSentencePiece(bytes, options.out));
  LARDER_RETURN_IF_ERROR(WriteFileAtomically(FileSystem::Posix(), options.out, bytes));
  if (cli.json) {
    cli.io.out << DumpJson({{"out", options.out},
                            {"texts", texts.size()},
                            {"pieces", tokenizer->vocab_size()},
                            {"bytes", bytes.size()},
                            {"seconds", progress.seconds()}})
               << "\n";
  } else {
    cli.io.out << options.out << ": " << FormatCount(static_cast<uint64_t>(tokenizer->vocab_size()))
               << " pieces from " << FormatCount(texts.size()) << " texts, "
               << FormatNumber(progress.seconds()) << " s\n";
  }
  return kExitOk;
}

}  // namespace

void AddTokenizer(CLI::App& app, Cli& cli) {
  CLI::App* tokenizer = AddGroup(app, "tokenizer", "Train tokenizers; needs no server");
  auto options = std::make_shared<Options>();
  CLI::App* command =
      AddCommand(*tokenizer, cli, "train", "Train a SentencePiece model on the fields of a catalog",
                 kExamples, Needs::kNothing);
  command->add_option("--items", options->items, "JSON lines or CSV files, maybe .zst or .gz")
      ->type_name("FILE")
      ->required();
  command->add_option("--fields", options->fields, "Fields to learn from [title,content]")
      ->type_name("NAMES")
      ->allow_extra_args(false);
  command->add_option("--out", options->out, "The model to write")->type_name("FILE")->required();
  command->add_option("--model", options->model, "unigram or bpe [unigram]")
      ->check(CLI::IsMember({"unigram", "bpe"}));
  text::TokenizerTrainingOptions& training = options->training;
  command->add_flag("--keep-punctuation", options->keep_punctuation,
                    "Make pieces of punctuation too, instead of taking it for spaces");
  AddNumber(command, "--pieces", training.vocab_size, {32, 500'000}, "Pieces wanted");
  AddNumber(command, "--sentences", training.max_sentences, {1, 10'000'000},
            "Use at most so many lines, drawn at random");
  AddNumber(command, "--seed", training.seed, {}, "Of what is drawn at random");
  SetAction(command, cli, options, Run);
}

}  // namespace larder::cli
