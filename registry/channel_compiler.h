// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_REGISTRY_CHANNEL_COMPILER_H_
#define LARDER_REGISTRY_CHANNEL_COMPILER_H_

#include <optional>
#include <string>
#include <string_view>

#include "registry/compile_context.h"
#include "registry/role_scope.h"

namespace larder::registry {

// A channel and its canonical form, a JSON object.
struct CompiledChannel {
  Channel channel;
  std::string canonical;
};

// Compiles one channel of a retrieval (L6, S9.2); nullopt after a complaint, or silently if what
// it uses was complained about. `what` names it: "retrieval r, channel hot".
std::optional<CompiledChannel> CompileChannel(const YamlNode& node, std::string_view what,
                                              const RoleFrame& frame, Usage& usage,
                                              CompileContext& context);

// Compiles a condition over stored columns of the candidate, request columns and constants (S9.1)
// and writes its canonical text to `canonical`.
std::optional<Program> CompileCondition(const SourceText& text, std::string_view what,
                                        const RoleFrame& frame, Usage& usage,
                                        CompileContext& context, std::string& canonical);

}  // namespace larder::registry

#endif  // LARDER_REGISTRY_CHANNEL_COMPILER_H_
