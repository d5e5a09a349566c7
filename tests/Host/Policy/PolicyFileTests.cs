using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Policy;

namespace GlanceGateway.Host.Tests.Policy;

/// <summary>An operator's policy.yaml.</summary>
public sealed class PolicyFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("", 0)]
    [InlineData("# \"get_image\": \"role:admin\"\n", 0)]
    [InlineData("\"get_image\": \"role:admin\"\ndelete_image: '!'\n", 2)]
    [InlineData("add_image: \"\"", 1)]
    [InlineData("{\"get_image\": \"rule:mine\", \"mine\": \"@\"}", 2)]
    [InlineData("get_image: [[\"role:admin\"], [\"role:member\", \"project_id:%(owner)s\"]]", 1)]
    [InlineData("get_image: [\"role:admin\", []]\nget_images: []", 2)]
    public void Forms_of_files(string text, int rules) =>
        Assert.Equal(rules, PolicyFile.Read(_directory.Write("policy.yaml", text)).Rules.OperatorRules);

    [Theory]
    [InlineData("get_image: role:admin\ndelete_image: roles:admin", "line 2: delete_image: 'roles:admin' at character 1: callers have no 'roles'; did you mean 'role:admin'?")]
    [InlineData("delete_image: !", "line 1: delete_image: there is no check; write \"!\" for nobody")]
    [InlineData("delete_image:", "line 1: delete_image: there is no check; write \"!\" for nobody")]
    [InlineData("delete_image: true", "line 1: delete_image: 'true' at character 1: expected a check")]
    [InlineData("delete_image: { role: admin }", "line 1: delete_image: expected a check, such as")]
    [InlineData("delete_image: [{ role: admin }]", "line 1: delete_image: expected a list of lists")]
    [InlineData("delete_image: ['role:a or role:b']", "line 1: delete_image: 'role:a or role:b': in a list every item is one check")]
    [InlineData("- get_image", "line 1: expected rules and checks")]
    [InlineData("get_image: '@'\nget_image: '!'", "line 2: get_image: the key is here twice")]
    [InlineData("delete_image: @", "this is not YAML")]
    [InlineData("\nget_image: 'rule:nobody'", "line 2: get_image: 'rule:nobody': there is no such rule")]
    [InlineData("get_image: 'https://example.org/'", "line 1: get_image: 'https://example.org/' at character 1: checks that ask a web server")]
    public void Refusals_name_file_line_rule_and_remedy(string text, string message)
    {
        var file = _directory.Write("policy.yaml", text);
        var refusal = Assert.Throws<ConfigurationException>(() => PolicyFile.Read(file));
        Assert.StartsWith(file, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_refused() =>
        Assert.Contains("there is no such file; write one, or correct policy.file", Assert.Throws<ConfigurationException>(() => PolicyFile.Read(_directory.Below("none.yaml"))).Message, StringComparison.Ordinal);
}
