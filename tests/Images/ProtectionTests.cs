using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Property protections: the rules alone, without a registry.</summary>
public sealed class ProtectionTests
{
    private static readonly Caller Admin = new("p", "u", ["Admin", "member"]);
    private static readonly Caller Member = new("p", "u", ["member"]);

    private readonly PropertyProtections _protections = new(new PolicyRules());

    [Fact]
    public void The_first_section_that_is_found_decides()
    {
        Use("[^x_secret]\ncreate=admin\nread=ADMIN\nupdate=!\ndelete=\n[^x_]\ncreate=@\nread=@\nupdate=member,reader\ndelete=admin");

        Assert.Equal((true, false), (May(Admin, PropertyOperation.Read, "x_secret"), May(Member, PropertyOperation.Read, "x_secret")));
        Assert.False(May(Admin, PropertyOperation.Update, "x_secret"));
        Assert.False(May(Admin, PropertyOperation.Delete, "x_secret"));
        Assert.True(May(Member, PropertyOperation.Update, "x_other"));
        Assert.False(May(Member, PropertyOperation.Delete, "x_other"));
        Assert.False(May(Admin, PropertyOperation.Read, "unmatched"));
        Assert.True(May(Member, PropertyOperation.Read, "os_glance_failed_import"));
    }

    [Fact]
    public void Roles_of_the_service_count() =>
        Assert.True(Used("[.*]\ncreate=nova\nread=nova\nupdate=nova\ndelete=nova").Allows(Member.Through(new Caller("s", "nova", ["nova"])), PropertyOperation.Create, "a"));

    [Fact]
    public void Policies_are_asked_by_name()
    {
        _protections.Use(ProtectionSet.Parse("[.*]\ncreate=context_is_admin\nread=default\nupdate=nosuch\ndelete=!", ProtectionFormat.Policies));

        Assert.Equal((true, false), (May(Admin, PropertyOperation.Create, "a"), May(Member, PropertyOperation.Create, "a")));
        Assert.True(May(Member, PropertyOperation.Read, "a"));
        Assert.False(May(Admin, PropertyOperation.Update, "a"));
    }

    [Fact]
    public void What_may_not_be_read_is_left_out()
    {
        var image = new Image { Id = "i", Properties = [new("open", "1"), new("closed", "2")] };
        Assert.Same(image, _protections.Shown(Member, image));
        Use("[open]\ncreate=@\nread=@\nupdate=@\ndelete=@");
        Assert.Equal(["open"], _protections.Shown(Member, image).Properties.Select(p => p.Key));
    }

    [Theory]
    [InlineData("", "no section")]
    [InlineData("create=@", "before the first section")]
    [InlineData("[a]\ncreate=@", "does not say who may read, update, delete")]
    [InlineData("[a]\ncreate=@,!\nread=@\nupdate=@\ndelete=@", "stand together")]
    [InlineData("[a]\ncreate=@\nread=@\nupdate=@\ndelete=@\nmove=@", "no operation 'move'")]
    [InlineData("[(]\ncreate=@\nread=@\nupdate=@\ndelete=@", "no regular expression")]
    [InlineData("[a]\ncreate=@\ncreate=@\nread=@\nupdate=@\ndelete=@", "twice")]
    [InlineData("[a]\nnonsense", "neither a section")]
    public void Files_that_cannot_be_meant_are_refused(string text, string problem) =>
        Assert.Contains(problem, Assert.Throws<ProtectionException>(() => ProtectionSet.Parse(text, ProtectionFormat.Roles)).Message, StringComparison.Ordinal);

    private PropertyProtections Used(string text)
    {
        Use(text);
        return _protections;
    }

    private void Use(string text) => _protections.Use(ProtectionSet.Parse(text, ProtectionFormat.Roles));

    private bool May(Caller caller, PropertyOperation operation, string name) => _protections.Allows(caller, operation, name);
}
